"""What to do with a stack of soft layers: colors, files, a look at them, selections and edits."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "colors": ["layer_colors"],
        "export": ["save"],
        "npz": ["load"],
        "sheet": ["contact_sheet"],
        "selection": ["select"],
        "propagation": ["propagate"],
        "edits": ["composite", "edited"],
        "arrangement": ["back_to_front", "description"],
        "display": ["preview", "show"],
    },
)
