from .names import layer_names
from .npz import load_npz
from .registry import FORMATS, Format, check_output, format_of, register, save, whole_files

__all__ = [
    "FORMATS",
    "Format",
    "check_output",
    "format_of",
    "layer_names",
    "load_npz",
    "register",
    "save",
    "whole_files",
]
