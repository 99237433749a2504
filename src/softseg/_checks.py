"""Checks of plain arguments. Each message is one line that names the argument and what was expected."""

from __future__ import annotations

import math
from numbers import Integral, Real
from typing import Any


def check_positive(name: str, value: object) -> None:
    """Raise unless ``value`` is a finite number above 0."""
    if isinstance(value, bool) or not isinstance(value, Real):
        raise TypeError(f"{name}: expected a number, got {type(value).__name__}")
    if not (math.isfinite(value) and float(value) > 0):
        raise ValueError(f"{name}: expected a finite number above 0, got {value}")


def check_finite(name: str, value: object) -> None:
    """Raise unless ``value`` is a finite number."""
    if isinstance(value, bool) or not isinstance(value, Real):
        raise TypeError(f"{name}: expected a number, got {type(value).__name__}")
    if not math.isfinite(value):
        raise ValueError(f"{name}: expected a finite number, got {value}")


def check_count(name: str, value: object, least: int = 1) -> None:
    """Raise unless ``value`` is an integer of at least ``least``."""
    if isinstance(value, bool) or not isinstance(value, Integral):
        raise TypeError(f"{name}: expected an integer, got {type(value).__name__}")
    if value < least:
        raise ValueError(f"{name}: expected an integer of at least {least}, got {value}")


def check_instance(name: str, value: Any, expected: type) -> Any:
    """Return ``value``, and raise unless it is an instance of ``expected``."""
    if not isinstance(value, expected):
        raise TypeError(f"{name}: expected an instance of {expected.__name__}, got {type(value).__name__}")
    return value
