from .npz import load_npz
from .registry import FORMATS, Format, format_of, register, save, whole_files

__all__ = [
    "FORMATS",
    "Format",
    "format_of",
    "load_npz",
    "register",
    "save",
    "whole_files",
]
