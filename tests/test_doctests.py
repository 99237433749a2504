"""The examples in docstrings run; tests/test_docstrings.py sees to it that there are examples."""

from __future__ import annotations

import doctest
import importlib
import pkgutil

import pytest

import softseg

MODULES = [
    m.name for m in pkgutil.walk_packages(softseg.__path__, "softseg.") if not m.name.endswith("__main__")
]
OPTIONS = doctest.NORMALIZE_WHITESPACE | doctest.ELLIPSIS


@pytest.mark.parametrize("name", ["softseg", *MODULES])
def test_examples(name: str) -> None:
    module = importlib.import_module(name)
    assert doctest.testmod(module, optionflags=OPTIONS).failed == 0
