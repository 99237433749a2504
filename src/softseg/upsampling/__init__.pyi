from .affine import ColorModels, upsample
from .carrying import carried_up

__all__ = [
    "ColorModels",
    "carried_up",
    "upsample",
]
