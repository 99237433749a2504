"""What the API pages show: the members of a class in order, and what comments say of data."""

from __future__ import annotations

import importlib
import inspect
import sys
from functools import cached_property
from typing import Any

from sphinx.application import Sphinx
from sphinx.config import Config
from sphinx.errors import PycodeError
from sphinx.pycode import ModuleAnalyzer

# Earlier than numpydoc reads a docstring.
BEFORE_NUMPYDOC = 100
SPECIAL = {"__call__", "__add__", "__mul__"}


def members_in_order(fullname: str) -> list[tuple[str, str]]:
    """Return a class's documented members: attributes before methods, and those of base classes first.

    Parameters
    ----------
    fullname : str
        The class's name, with that of its module.

    Returns
    -------
    list of (str, str)
        Each member's kind, as in the directive ``autoproperty``, and its name.
    """
    module, _, name = fullname.rpartition(".")
    bases = inspect.getmro(getattr(importlib.import_module(module), name))
    ours = [base for base in reversed(bases) if base.__module__.startswith("softseg.")]
    kinds = {name: kind for base in ours for name, kind in own_members(base).items()}
    attributes = [(kind, name) for name, kind in kinds.items() if kind != "method"]
    return attributes + [(kind, name) for name, kind in kinds.items() if kind == "method"]


def own_members(owner: type) -> dict[str, str]:
    """Return the kinds of the documented members that a class has not inherited, in their order."""
    found = {name: "attribute" for place, name in comments(owner.__module__) if place == owner.__qualname__}
    for name, member in vars(owner).items():
        if not inspect.getdoc(getattr(member, "__func__", member)) or (
            name[0] == "_" and name not in SPECIAL
        ):
            continue
        if isinstance(member, property | cached_property):
            found[name] = "property"
        elif inspect.isfunction(member) or isinstance(member, classmethod | staticmethod):
            found[name] = "method"
    return found


def comments(module: str) -> dict[tuple[str, str], list[str]]:
    """Return what comments that begin with a colon, and strings below attributes, say in a module."""
    try:
        return ModuleAnalyzer.for_module(module).find_attr_docs()
    except PycodeError:  # it has no source
        return {}


def describe_data(app: Sphinx, what: str, name: str, thing: Any, options: Any, lines: list[str]) -> None:
    """Let data be described by the comment where they are made, and not by the docstring of their class."""
    package, _, last = name.rpartition(".")
    if what != "data":
        return
    for module in [*sys.modules]:
        if module.startswith(package) and vars(sys.modules[module]).get(last) is thing:
            said = comments(module).get(("", last))
            if said:
                lines[:] = said


def give_to_templates(app: Sphinx, config: Config) -> None:
    """Let the templates call `members_in_order`."""
    config.autosummary_context = {**config.autosummary_context, "members_in_order": members_in_order}


def setup(app: Sphinx) -> dict[str, bool]:
    """Let Sphinx call these for its configuration and for every docstring."""
    app.setup_extension("sphinx.ext.autodoc")  # whose event it waits for
    app.connect("config-inited", give_to_templates)
    app.connect("autodoc-process-docstring", describe_data, priority=BEFORE_NUMPYDOC)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
