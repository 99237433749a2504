import typing

from .arrangement import back_to_front, description
from .colors import layer_colors
from .display import preview, show
from .edits import composite, edited
from .propagation import propagate
from .selection import select
from .sheet import contact_sheet
from .stack import LayerStack

def load(path: typing.Any, affinity: typing.Any = None) -> typing.Any: ...
def save(path: typing.Any, result: typing.Any, **options: typing.Any) -> None: ...

__all__ = [
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
