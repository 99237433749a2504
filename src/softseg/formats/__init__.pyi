from .npz import load_npz
from .registry import FORMATS, Format, check_output, format_of, register, save, whole_files

__all__ = [
    "FORMATS",
    "Format",
    "check_output",
    "format_of",
    "load_npz",
    "register",
    "save",
    "whole_files",
]
