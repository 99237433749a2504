"""The examples in docstrings run."""

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


def test_the_public_functions_have_examples() -> None:
    finder = doctest.DocTestFinder(exclude_empty=True)
    for name in softseg.__all__:
        if callable(public := getattr(softseg, name)) and name not in {"Settings", "SoftSegmentation"}:
            examples = sum(len(test.examples) for test in finder.find(public, name))
            assert examples or name in {"Eigenpairs", "Eigensolver"}, name
