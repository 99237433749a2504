"""The parameters of an affinity, eigensolver, preconditioner or extractor: the fields of a dataclass."""

from __future__ import annotations

import dataclasses
import re
from typing import Any

import pytest

from softseg.testing.annotations import unchecked_annotations


def parameters(part: Any) -> dict[str, Any]:
    """Return a part's parameters by name.

    The running test fails, and says why, if the part is no dataclass, or if a parameter cannot be hashed.

    Examples
    --------
    >>> from softseg import MattingAffinity
    >>> from softseg.testing.parameters import parameters
    >>> parameters(MattingAffinity())
    {'epsilon': 1e-07}
    """
    for field in _fields(part):
        if field.compare:
            check_hashable(field.name, getattr(part, field.name))
    return {field.name: getattr(part, field.name) for field in _fields(part)}


def declared(part: Any, *types: type) -> list[str]:
    """Return the names of the parameters that are declared to be of one of these types.

    Examples
    --------
    >>> from softseg.eigen import LOBPCG
    >>> from softseg.testing.parameters import declared
    >>> declared(LOBPCG(), float, int)
    ['tol', 'max_iterations']
    """
    # A type is a text where the part's module says `from __future__ import annotations`.
    wanted = (*types, *(known.__name__ for known in types))
    return [field.name for field in _fields(part) if field.type in wanted]


def required(part: Any) -> list[str]:
    """Return the names of the parameters that have no default."""
    missing = dataclasses.MISSING
    return [
        field.name for field in _fields(part) if field.default is missing and field.default_factory is missing
    ]


def with_parameters(part: Any, **changed: object) -> Any:
    """Return a new part with the same parameters but those given."""
    return type(part)(**{**parameters(part), **changed})


def find_refusal(part: Any, name: str, value: object) -> Exception | None:
    """Return the error that another value of a parameter raises; None if the value is accepted."""
    try:
        with unchecked_annotations():
            with_parameters(part, **{name: value})
    except Exception as error:  # the caller says what is wrong with it
        return error
    return None


def check_refusal(part: Any, name: str, value: object, error: Exception, wanted: str) -> None:
    """Fail unless the error for a value of a parameter names the parameter in a line such as is wanted."""
    call = f"{type(part).__name__}({name}={value!r})"
    if not isinstance(error, TypeError | ValueError):
        pytest.fail(f"{call}: expected a TypeError or ValueError, got {type(error).__name__}: {error}")
    if not re.fullmatch(wanted, str(error)):
        pytest.fail(f"{call}: expected a message of one line like {wanted!r}, got {str(error)!r}")


def check_hashable(name: str, value: object) -> None:
    """Fail, and say what to do, if a parameter's value cannot be hashed, as arrays and lists cannot be."""
    try:
        hash(value)
    except TypeError:
        pytest.fail(
            f"{name}: expected a value that can be hashed and compared, got {type(value).__name__}: keep a "
            "tuple of plain numbers instead, and make an array of it where one is needed"
        )


def _fields(part: Any) -> list[dataclasses.Field[Any]]:
    if not dataclasses.is_dataclass(part):
        pytest.fail(f"{type(part).__name__}: expected a frozen dataclass: its parameters are its fields")
    return [field for field in dataclasses.fields(part) if field.init]
