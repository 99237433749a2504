"""The page docs/reference/troubleshooting.md has every message that the source can raise, and no other.

Messages are read off the source's syntax trees; nothing of softseg is imported. Whatever stands in a message
for a value is an ellipsis there, as on the page.
"""

from __future__ import annotations

import ast
import re
from collections import Counter
from collections.abc import Iterator
from itertools import chain
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
SOURCE = ROOT / "src" / "softseg"
PAGE = ROOT / "docs" / "reference" / "troubleshooting.md"

#: What stands for a value.
VALUE = "…"
#: Functions whose first argument is a message, besides those whose names end in "Error".
SINKS = {"warn", "BadParameter", "complain", "_refuse"}
#: Functions and properties that return or yield messages, or a part of one that says what to do.
MAKERS = {
    "_advise",
    "_explain",
    "_find_overwritten",
    "_say",
    "_say_defect",
    "_say_killed",
    "_say_shared",
    "_say_what_is_missing",
    "say_failures",
    "say_missing",
    "say_skipped",
    "say_why",
    "word",
}
#: Constants that hold messages, by module; in `REASONS` those that `say_skipped` puts in place of ``reason``.
TABLES = (("cli/manifest.py", "IN_THE_WAY"), ("_paths.py", "_MEANINGS"), ("_paths.py", "_NOT_WRITTEN"))
REASONS = "cli/inputs.py"
#: Of a message with values, so many words must be its own: "…: …" is whatever another message says, and
#: "warning: …" a prefix of one. The page cannot explain those.
LEAST_WORDS = 2


def normalize(template: str) -> str:
    """Return a template with single spaces, and each run of placeholders as one ellipsis."""
    return " ".join(re.sub(r"\0\w*\0(?:\s*\0\w*\0)*", VALUE, template).split())


def is_explained(template: str) -> bool:
    """Whether a normalized template must be on the page."""
    return VALUE not in template or len(re.findall(r"[a-z]+", template, re.I)) >= LEAST_WORDS


def texts(node: ast.expr | None, names: dict[str, str]) -> list[str]:
    """Return the texts that an expression may be.

    Values stand there as their names between zero bytes; the given names are those of constants.
    """
    match node:
        case ast.Constant(value=str(text)):
            return [text]
        case ast.JoinedStr(values=parts):
            return ["".join(part for value in parts for part in texts(value, names) or [placeholder(value)])]
        case ast.Name(id=name) | ast.FormattedValue(value=ast.Name(id=name)) if name in names:
            return [names[name]]
        case ast.BinOp(left=left, op=ast.Add(), right=right):
            starts, ends = texts(left, names), texts(right, names)
            return [a + b for a in starts or ["\0\0"] for b in ends or ["\0\0"]] if starts or ends else []
        case ast.IfExp(body=body, orelse=orelse):
            return texts(body, names) + texts(orelse, names)
        case ast.BoolOp(values=values):
            return [text for value in values for text in texts(value, names)]
        case ast.Tuple(elts=[first, *_]):  # what a generator yields beside a message
            return texts(first, names)
        case _:
            return []


def placeholder(node: ast.expr) -> str:
    match node:
        case ast.FormattedValue(value=ast.Name(id=name)):
            return f"\0{name}\0"
        case _:
            return "\0\0"


def constants(body: list[ast.stmt]) -> dict[str, str]:
    """Return the names that are assigned once in a body, and a text without values."""
    assigned = [
        (target.id, node.value)
        for statement in body
        for node in ast.walk(statement)
        if isinstance(node, ast.Assign)
        for target in node.targets
        if isinstance(target, ast.Name)
    ]
    count = Counter(name for name, _ in assigned)
    return {
        name: value.value
        for name, value in assigned
        if count[name] == 1 and isinstance(value, ast.Constant) and isinstance(value.value, str)
    }


def name_of(function: ast.expr) -> str:
    """Return the last name of what is called; with the one before it for the methods of a list."""
    match function:
        case ast.Attribute(value=ast.Attribute(attr=owner) | ast.Name(id=owner), attr="append"):
            return f"{owner}.append"
        case ast.Attribute(attr=name) | ast.Name(id=name):
            return name
        case _:
            return ""


def is_sink(function: ast.expr) -> bool:
    name = name_of(function)
    return name.endswith("Error") or name in SINKS or name == "failures.append"


def first_arguments(tree: ast.AST) -> Iterator[tuple[ast.expr, dict[str, str]]]:
    """Yield first arguments of errors and warnings, which may be messages, with the function's constants."""
    for function, names in functions(tree):
        for node in ast.walk(function):
            match node:
                case ast.Call(func=called, args=[first, *_]) if is_sink(called):
                    yield first, names
                case ast.Raise(exc=ast.Call(args=[first, *_])):
                    yield first, names


def functions(tree: ast.AST) -> Iterator[tuple[ast.AST, dict[str, str]]]:
    """Yield all functions with their constants, and what is outside of them."""
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef):
            yield node, constants(node.body)
    yield tree, {}


def made(tree: ast.AST) -> Iterator[str]:
    """Yield the texts that the `MAKERS` of a module return and yield."""
    for function, names in functions(tree):
        if isinstance(function, ast.FunctionDef) and function.name in MAKERS:
            for node in ast.walk(function):
                if isinstance(node, (ast.Return, ast.Yield)):
                    yield from texts(node.value, names)
                if isinstance(node, ast.Call) and name_of(node.func) == "join":
                    for argument in node.args:
                        yield from texts(getattr(argument, "elt", None), names)


def messages(source: str) -> set[str]:
    """Return the templates of a module's messages, not normalized.

    A text that is inlined in a function is found again, with a placeholder, where the whole module is looked
    at; of the two the one with more words is kept.
    """
    tree = ast.parse(source)
    found: dict[tuple[int, int, int], str] = {}
    for first, names in first_arguments(tree):
        for number, text in enumerate(texts(first, names)):
            key = first.lineno, first.col_offset, number
            found[key] = max(found.get(key, ""), text, key=lambda one: len(one.split()))
    return set(found.values()) | set(made(tree))


def modules() -> dict[str, str]:
    """Return the source of all modules by name; `softseg.testing` speaks to authors of tests alone."""
    paths = sorted(SOURCE.rglob("*.py"))
    return {
        path.relative_to(SOURCE).as_posix(): path.read_text(encoding="utf-8")
        for path in paths
        if "testing" not in path.relative_to(SOURCE).parts
    }


def values_of(source: str, name: str) -> list[str]:
    """Return the texts that a table of a module holds; values may stand there as names in braces."""
    return [
        re.sub(r"\{\w+\}", VALUE, text.value)
        for node in ast.parse(source).body
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == name
        for text in ast.walk(node.value)
        if isinstance(text, ast.Constant) and isinstance(text.value, str)
    ]


def collect() -> set[str]:
    """Return all templates of the source that must be on the page, normalized."""
    sources = modules()
    found = set(chain.from_iterable(map(messages, sources.values())))
    for module, table in TABLES:
        found |= set(values_of(sources[module], table))
    reasons = constants(ast.parse(sources[REASONS]).body).values()
    for template in messages(sources[REASONS]):
        if template.startswith("skipped "):
            found |= {template.replace("\0reason\0", reason) for reason in reasons}
    return {template for template in map(normalize, found) if is_explained(template)}


def tables(page: str) -> list[list[str]]:
    """Return the rows of the page's tables of messages."""
    rows = [line.strip().strip("|").split(" | ") for line in page.splitlines() if line.startswith("| `")]
    return [[cell.strip() for cell in row] for row in rows]


def listed(page: str) -> list[str]:
    """Return the messages on the page: in blocks of text, and in the first cells of tables."""
    blocks = re.findall(r"^```text\n(.*?)^```$", page, re.M | re.S)
    cells = [re.findall(r"`([^`]+)`", row[0]) for row in tables(page)]
    return [*(line for block in blocks for line in block.splitlines()), *chain.from_iterable(cells)]


@pytest.fixture(scope="module")
def page() -> str:
    return PAGE.read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def templates() -> set[str]:
    return collect()


def test_every_message_of_the_source_is_on_the_page(page: str, templates: set[str]) -> None:
    assert sorted(templates - set(listed(page))) == []


def test_the_page_has_no_message_that_the_source_no_longer_has(page: str, templates: set[str]) -> None:
    assert sorted(set(listed(page)) - templates) == []


def test_a_message_is_explained_once(page: str) -> None:
    assert [message for message, count in Counter(listed(page)).items() if count > 1] == []


def test_every_row_says_what_it_means_and_what_to_do(page: str) -> None:
    for row in tables(page):
        assert len(row) == 2, row
        assert re.fullmatch(r"`[^`]+`(<br>`[^`]+`)*", row[0]), row
        assert row[1].endswith((".", ")")), row


def test_what_makes_messages_is_known() -> None:
    """Of each message that a function makes, the function is one of those that are looked into."""
    calls = [
        call
        for source in modules().values()
        for call in ast.walk(ast.parse(source))
        if isinstance(call, ast.Call) and is_sink(call.func) and call.args
    ]
    makers = {name_of(call.args[0].func) for call in calls if isinstance(call.args[0], ast.Call)}
    assert makers - {"str", "join"} <= MAKERS


def test_the_makers_and_tables_are_there() -> None:
    sources = modules()
    defined = {
        node.name
        for source in sources.values()
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.FunctionDef)
    }
    assert defined >= MAKERS
    assert all(values_of(sources[module], table) for module, table in TABLES)


def test_the_page_is_linked() -> None:
    assert "(docs/reference/troubleshooting.md)" in (ROOT / "README.md").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ('raise ValueError("size: too small")', ["size: too small"]),
        (
            'raise ValueError(f"{name}: expected {a}{b} of\\n  {c!r}, got {d:.1%}")',
            ["…: expected … of …, got …"],
        ),
        ('def f():\n    raise photos.UnsuitableError(f"{x}: no such" " thing")', ["…: no such thing"]),
        ('def f():\n    raise kind(f"{x}: out of range") from None', ["…: out of range"]),
        ('error = TypeError("no " + name + " here")', ["no … here"]),
        ('def f():\n    m = "give more"\n    raise ValueError(m)', ["give more"]),
        ('def f():\n    m = "give more"\n    warnings.warn(f"{m} of {x}")', ["give more of …"]),
        ('def f(m):\n    warnings.warn(f"{m} of a {x}")', ["… of a …"]),
        ('raise typer.BadParameter("two" if x else "three")', ["two", "three"]),
        ('found.failures.append(f"no such file: {x}")', ["no such file: …"]),
        ('class A:\n    def _advise(self):\n        return f"{x} did not end"', ["… did not end"]),
        ('def say_failures():\n    return "; ".join(f"cannot write {x}" for x in y)', ["cannot write …"]),
        ('raise ValueError(str(error))\nfound.photos.append("no message")', []),
    ],
)
def test_messages_are_found(source: str, expected: list[str]) -> None:
    assert sorted(normalize(text) for text in messages(source) if text.strip("; ")) == sorted(expected)


@pytest.mark.parametrize(
    ("template", "explained"),
    [("interrupted", True), ("cannot write …: …", True), ("…: …", False), ("warning: …", False)],
)
def test_prefixes_alone_need_no_explanation(template: str, explained: bool) -> None:
    assert is_explained(template) == explained
