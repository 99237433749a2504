"""Links from names in docstrings, written as a reader would say them, to the pages of what they mean.

A docstring says `Affinity`, `Scene.features` or `load`, and the page may be that of ``softseg.Affinity``,
although the docstring is one of ``softseg.affinity``, where the same class is known as well. It also names
pages of the documentation by their paths in the repository, which become links.
"""

from __future__ import annotations

import importlib
import inspect
import re
from collections.abc import Iterator
from typing import Any

from docutils import nodes
from sphinx import addnodes
from sphinx.application import Sphinx
from sphinx.domains.python import ObjectEntry
from sphinx.environment import BuildEnvironment
from sphinx.util.nodes import make_refnode

# Earlier than numpydoc reads a docstring, and later than the inventories of other projects are asked.
BEFORE_NUMPYDOC = 100
AFTER_INVENTORIES = 900


def link_pages(app: Sphinx, what: str, name: str, thing: Any, options: Any, lines: list[str]) -> None:
    """Turn paths of pages, such as docs/guides/features.md, into links."""
    for number, line in enumerate(lines):
        lines[number] = re.sub(r"`{0,2}docs/([\w/-]+)\.md`{0,2}", r":doc:`/\1`", line)


def shorten_signature(
    app: Sphinx, what: str, name: str, thing: Any, options: Any, signature: str | None, returned: str | None
) -> tuple[str | None, str | None]:
    """Leave out private parameters, and say of a default that a function makes that there is one."""
    if signature is not None:
        signature = re.sub(r", _\w+=\w+", "", signature).replace("=<factory>", "=...")
    return signature, returned


def find_reference(
    app: Sphinx, env: BuildEnvironment, node: addnodes.pending_xref, content: nodes.Element
) -> nodes.Element | None:
    """Return a link to the documentation of the Python object that a name stands for.

    The content is returned as it is if it has no page and no role of its own: it may be a parameter, or a
    part that users do not meet. tests/test_docstrings.py sees to it that such names exist.
    """
    if node.get("refdomain") != "py":
        return None
    documented: dict[str, ObjectEntry] = env.domains["py"].objects
    for name in possible_names(node):
        known = documented_name(name, documented)
        if known is not None:
            entry = documented[known]
            return make_refnode(app.builder, node["refdoc"], entry.docname, entry.node_id, content, known)
    return content if node["reftype"] == "obj" else None


def possible_names(node: addnodes.pending_xref) -> Iterator[str]:
    """Yield what a name may mean where it is used, the nearest first."""
    target, module, owner = node["reftarget"], node.get("py:module"), node.get("py:class")
    if module and owner:
        yield f"{module}.{owner}.{target}"
    if module:
        yield f"{module}.{target}"
    yield target
    yield f"softseg.{target}"


def documented_name(name: str, documented: dict[str, ObjectEntry]) -> str | None:
    """Return the name under which something is documented, which may be that of another module."""
    if name in documented:
        return name
    found = find(name)
    if found is None:
        return None
    owner, dot, last = name.rpartition(".")
    known = documented_name(owner, documented) if dot and inspect.isclass(find(owner)) else None
    if known is not None:
        return f"{known}.{last}" if f"{known}.{last}" in documented else None
    return next(
        (other for other in documented if last == other.rpartition(".")[2] and find(other) is found), None
    )


def find(name: str) -> Any:
    """Return what a dotted name stands for; None if it stands for nothing."""
    parts = name.split(".")
    for count in range(len(parts), 0, -1):
        try:
            thing: Any = importlib.import_module(".".join(parts[:count]))
        except (ImportError, ValueError):
            continue
        for part in parts[count:]:
            thing = getattr(thing, part, None)
        return thing
    return None


def setup(app: Sphinx) -> dict[str, bool]:
    """Let Sphinx call these for every docstring, and for every name that it does not know."""
    app.connect("autodoc-process-docstring", link_pages, priority=BEFORE_NUMPYDOC)
    app.connect("autodoc-process-signature", shorten_signature)
    app.connect("missing-reference", find_reference, priority=AFTER_INVENTORIES)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
