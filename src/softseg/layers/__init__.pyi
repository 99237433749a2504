import softseg.formats
import softseg.result

from .arrangement import back_to_front, description
from .colors import layer_colors
from .display import preview, show
from .edits import composite, edited
from .propagation import propagate
from .selection import select
from .sheet import contact_sheet
from .stack import Decomposition, LayerStack

load = softseg.result.SoftSegmentation.load
save = softseg.formats.save

__all__ = [
    "Decomposition",
    "LayerStack",
    "back_to_front",
    "composite",
    "contact_sheet",
    "description",
    "edited",
    "layer_colors",
    "load",
    "preview",
    "propagate",
    "save",
    "select",
    "show",
]
