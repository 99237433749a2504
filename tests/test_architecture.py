"""Nothing imports upward: the rooms lie on each other as the table in docs/architecture.md lists them."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

SOURCE = Path(__file__).parents[1] / "src"
PAGE = Path(__file__).parents[1] / "docs" / "architecture.md"

# Arrows that go upward or make a circle, and why each may. Whoever removes one removes it here.
EXCEPTIONS = {
    ("softseg.affinity.registry", "softseg.affinity.base"): "types only: what the table holds",
    ("softseg.eigen.registry", "softseg.eigen.base"): "types only: what the table holds",
    ("softseg.features.cached", "softseg"): "the version alone, which the cached files are marked with",
    ("softseg.layers", "softseg.formats.registry"): "on demand: scripts know save by this name",
    ("softseg.layers", "softseg.result"): "on demand: scripts know load by this name",
    ("softseg.layers.arrangement", "softseg.layers.stack"): "types only: the stack has short names for it",
    ("softseg.layers.edits", "softseg.layers.stack"): "types only: the stack has short names for it",
}


@cache
def modules() -> dict[str, Path]:
    """Return softseg's modules and packages by name."""
    found = {}
    for path in sorted(SOURCE.rglob("*.py")):
        parts = path.relative_to(SOURCE).with_suffix("").parts
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


@cache
def exported(package: str) -> dict[str, str]:
    """Return where the names come from that a package offers, as its stub says."""
    stub = modules()[package].with_suffix(".pyi")
    if modules()[package].name != "__init__.py" or not stub.exists():
        return {}
    tree = ast.parse(stub.read_text(encoding="utf-8"))
    return {
        alias.name: ".".join([package, *filter(None, [node.module])])
        for node in tree.body
        if isinstance(node, ast.ImportFrom) and node.level == 1
        for alias in node.names
    }


def origin(module: str, name: str) -> str:
    """Return the module that ``from module import name`` needs."""
    if f"{module}.{name}" in modules():
        return f"{module}.{name}"
    source = exported(module).get(name, module)
    return source if source == module else origin(source, name)


def imports(module: str) -> Iterator[str]:
    """Yield what a module imports of softseg: at its top, inside functions, and for types alone."""
    for node in ast.walk(ast.parse(modules()[module].read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name.split(".")[0] == "softseg")
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{module}: a relative import, which this test does not follow"
            if node.module and node.module.split(".")[0] == "softseg":
                yield from (origin(node.module, alias.name) for alias in node.names)


@cache
def arrows() -> frozenset[tuple[str, str]]:
    """Return all pairs of a module and one that it imports."""
    return frozenset((module, other) for module in modules() for other in imports(module) if other != module)


@cache
def levels() -> dict[str, int]:
    """Return each room's level, from 0 up: the rows of the table, whose first cells name rooms."""
    rows = re.findall(r"^\| (`[^|]+) \|", PAGE.read_text(encoding="utf-8"), re.M)
    return {room: level for level, row in enumerate(rows) for room in re.findall(r"`(\w+)/?`", row)}


def room(module: str) -> str:
    """Return the room a module is in: a package or module right under softseg, or `__init__` itself."""
    return (module.split(".") + ["__init__"])[1]


def test_the_table_names_every_room_once() -> None:
    rows = re.findall(r"^\| (`[^|]+) \|", PAGE.read_text(encoding="utf-8"), re.M)
    named = [room for row in rows for room in re.findall(r"`(\w+)/?`", row)]
    assert sorted(named) == sorted({room(module) for module in modules()})


def test_nothing_imports_upward() -> None:
    level = levels()
    upward = [
        (module, other)
        for module, other in sorted(arrows() - EXCEPTIONS.keys())
        if room(module) != room(other) and level[room(module)] <= level[room(other)]
    ]
    assert upward == []


def test_nothing_imports_in_a_circle() -> None:
    below: dict[str, set[str]] = {module: set() for module in modules()}
    for module, other in arrows() - EXCEPTIONS.keys():
        below[module].add(other)
    # Modules that import nothing are taken away, until none is left, or only circles and what needs them.
    while free := {module for module, needed in below.items() if not needed}:
        below = {module: needed - free for module, needed in below.items() if module not in free}
    assert below == {}


@pytest.mark.parametrize("exception", EXCEPTIONS, ids=" to ".join)
def test_exceptions_are_still_needed(exception: tuple[str, str]) -> None:
    assert exception in arrows()
