"""Every public name says what it takes, returns and raises, and has an example; the API pages list it once.

numpydoc's own checks do most of it. Those that are left out: GL01 and GL02 are about where quotes stand, and
ruff sees to that; SS05 takes the plural of a noun ("Features of ...") for a verb; ES01 and SA01 want an
extended summary and a "See Also" everywhere, also where there is nothing to say; EX01 wants an example of
every property, and a test below says which methods need one.
"""

from __future__ import annotations

import importlib
import inspect
import pkgutil
import re
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from types import ModuleType
from typing import Any, Protocol

import pytest
from numpydoc.docscrape import NumpyDocString
from numpydoc.validate import ERROR_MSGS, validate

import softseg
from softseg.formats import FORMATS
from softseg.formats.registry import FOLDER

API = Path(__file__).parents[1] / "docs" / "reference" / "api"

CHECKS = set(ERROR_MSGS) - {"GL01", "GL02", "SS05", "ES01", "SA01", "EX01"}

#: What no ``__all__`` has, and whoever writes a preconditioner or shows a page in a notebook meets.
FURTHER = (
    "softseg.eigen.preconditioner.Prepared",
    "softseg.eigen.preconditioner.Start",
    "softseg.formats.notebook.Explorer",
)

#: What raises nothing by itself, because it takes what other functions of softseg return: arrays and objects
#: that were checked when the photo came in.
UNCHECKED = {
    "softseg.Eigenpairs",
    "softseg.LayerStack",
    "softseg.affinity.Sum",
    "softseg.affinity.without_repulsion",
    "softseg.batch.BatchReport",
    "softseg.eigen.preconditioner.Start",
    "softseg.formats.format_of",
    "softseg.formats.layer_names",
    "softseg.formats.notebook.Explorer",
    "softseg.grid.Stencil",
    "softseg.layers.back_to_front",
    "softseg.layers.contact_sheet",
    "softseg.layers.description",
    "softseg.layers.layer_colors",
    "softseg.layers.preview",
    "softseg.photos.with_transparent_layer",
    "softseg.refinement.Edge",
    "softseg.refinement.find_edge",
    "softseg.refinement.refine_layers",
    "softseg.refinement.signed_distance",
    "softseg.sparsify.image_gradient",
    "softseg.sparsify.mean_features",
    "softseg.sparsify.merged_layers",
    "softseg.sparsify.project_to_simplex",
    "softseg.testing.full_disk",
    "softseg.testing.means",
    "softseg.testing.random_result",
    "softseg.testing.representatives",
    "softseg.testing.scene_with_a_disk",
    "softseg.testing.touching",
    "softseg.testing.with_alphas",
    "softseg.training.Folder",
    "softseg.training.TrainingConfig",
    "softseg.training.photo_auc",
    "softseg.upsampling.ColorModels",
    "softseg.upsampling.carried_up",
    "softseg.upsampling.upsample",
}

#: Examples that would take too long, or need what is not there: processes of a script, kernels compiled anew,
#: a screen, TensorFlow, data sets.
NOT_RUN = {
    "softseg.batch.segment_files",
    "softseg.features.convert_checkpoint",
    "softseg.layers.show",
    "softseg.warm_up",
}

#: Types that are arrays, whose shape must be told, and how a shape looks.
ARRAY = re.compile(r"\b(ndarray|array_like|array|Tensor|csr_array)\b")
SHAPE = re.compile(r"\([^)]*\)")


def modules() -> list[ModuleType]:
    """Return softseg and its public modules: those that say what is public in them."""
    names = [m.name for m in pkgutil.iter_modules(softseg.__path__) if not m.name.startswith("_")]
    # The command line has pages of its own.
    found = [importlib.import_module(f"softseg.{name}") for name in names if name != "cli"]
    return [softseg, *(module for module in found if hasattr(module, "__all__"))]


def identity(thing: Any) -> Any:
    """Return what two names of one thing have in common. Bound methods are made anew when asked for."""
    return (id(thing.__self__), thing.__func__) if inspect.ismethod(thing) else id(thing)


def resolve(name: str) -> Any:
    """Return what a dotted name stands for."""
    parts = name.split(".")
    for count in range(len(parts), 0, -1):
        try:
            thing: Any = importlib.import_module(".".join(parts[:count]))
        except ModuleNotFoundError:
            continue
        for part in parts[count:]:
            thing = inspect.getattr_static(thing, part) if inspect.isclass(thing) else getattr(thing, part)
        return thing
    raise AttributeError(name)


def public_names() -> dict[Any, list[str]]:
    """Return the names of each public thing, the shortest path first."""
    names = [f"{module.__name__}.{name}" for module in modules() for name in module.__all__]
    writers = [FORMATS[suffix].load_writer() for suffix in FORMATS] + [FOLDER.load_writer()]
    names += dict.fromkeys(f"{writer.__module__}.{writer.__name__}" for writer in writers)
    found: dict[Any, list[str]] = {}
    for name in [*names, *FURTHER]:
        module, _, last = name.rpartition(".")
        thing = getattr(importlib.import_module(module), last)
        if not inspect.ismodule(thing) and last != "__version__":
            found.setdefault(identity(thing), []).append(name)
    return found


PUBLIC = public_names()
NAMES = [names[0] for names in PUBLIC.values()]
THINGS = {name: resolve(name) for name in NAMES}
CLASSES = [name for name, thing in THINGS.items() if inspect.isclass(thing)]
FUNCTIONS = [name for name, thing in THINGS.items() if callable(thing) and name not in CLASSES]


def members(owner: str) -> Iterator[str]:
    """Yield the public methods and properties that a class has not inherited, but for tests."""
    for name, member in vars(THINGS[owner]).items():
        special = name in {"__call__", "__add__", "__mul__"}
        if (name.startswith("_") and not special) or name.startswith("test_"):
            continue
        if inspect.isfunction(member) or isinstance(
            member, classmethod | staticmethod | property | cached_property
        ):
            yield f"{owner}.{name}"


MEMBERS = [name for owner in CLASSES for name in members(owner)]
METHODS = [name for name in MEMBERS if not isinstance(resolve(name), property | cached_property)]

everything = pytest.mark.parametrize("name", [*CLASSES, *FUNCTIONS, *MEMBERS])


def docstring(name: str) -> str:
    """Return a docstring."""
    thing = resolve(name)
    return inspect.getdoc(getattr(thing, "__func__", thing)) or ""


def sections(name: str) -> NumpyDocString:
    """Return the sections of a docstring."""
    return NumpyDocString(docstring(name))


def takes_something(name: str) -> bool:
    """Say whether a class or function is called with arguments."""
    return any(parameter != "self" for parameter in inspect.signature(resolve(name)).parameters)


def is_protocol(name: str) -> bool:
    thing = resolve(name)
    return inspect.isclass(thing) and Protocol in thing.__mro__


@everything
def test_numpydoc_has_nothing_to_object(name: str) -> None:
    errors = [
        f"{code}: {message}"
        for code, message in validate(name)["errors"]
        if code in CHECKS
        # A protocol is called by nobody, and what begins with an underscore is nobody's business.
        and not (code == "PR01" and (is_protocol(name) or not re.search(r"'[a-z]\w*'", message)))
    ]
    assert not errors, errors


@everything
def test_types_tell_the_shapes_of_arrays(name: str) -> None:
    doc = sections(name)
    for part in [*doc["Parameters"], *doc["Attributes"], *doc["Returns"], *doc["Yields"]]:
        if ARRAY.search(part.type):
            assert SHAPE.search(part.type), f"{part.name} : {part.type}"


@pytest.mark.parametrize("name", [*CLASSES, *FUNCTIONS, *METHODS])
def test_parameters_that_may_be_left_out_say_so(name: str) -> None:
    types = {one: part.type for part in sections(name)["Parameters"] for one in part.name.split(", ")}
    thing = resolve(name)
    for parameter in inspect.signature(getattr(thing, "__func__", thing)).parameters.values():
        if parameter.default is None and not parameter.name.startswith("_"):
            assert re.search(r"optional|None", types[parameter.name]), parameter.name


@pytest.mark.parametrize("name", [*CLASSES, *FUNCTIONS])
def test_errors_are_told(name: str) -> None:
    if not is_protocol(name) and takes_something(name):
        assert bool(sections(name)["Raises"]) == (name not in UNCHECKED)


@pytest.mark.parametrize("name", [*CLASSES, *FUNCTIONS])
def test_an_example_shows_how_it_is_used_and_runs(name: str) -> None:
    example = "\n".join(sections(name)["Examples"])
    commands = re.findall(r"^ *>>> (?!import |from )(.*)", example, re.MULTILINE)
    assert any("+SKIP" not in command for command in commands) == (name not in NOT_RUN)


@pytest.mark.parametrize("name", METHODS)
def test_an_example_shows_every_method(name: str) -> None:
    """Its own, or that of its class, or that of what it overrides."""
    owner, _, method = name.rpartition(".")
    if owner.startswith("softseg.testing.") or sections(name)["Examples"]:
        return  # pytest calls the methods of test cases
    bases = [PUBLIC[identity(base)][0] for base in THINGS[owner].__mro__ if identity(base) in PUBLIC]
    shown = "\n".join("\n".join(sections(base)["Examples"]) for base in bases)
    overridden = any(hasattr(THINGS[base], method) and docstring(f"{base}.{method}") for base in bases[1:])
    call = r"\(" if method == "__call__" else rf"\.{method}\("
    assert re.search(call, shown) or overridden, name


@everything
def test_what_else_to_see_exists(name: str) -> None:
    for others, description in sections(name)["See Also"]:
        assert description
        for other, _ in others:
            assert exists(other), other


@everything
def test_names_in_backquotes_exist(name: str) -> None:
    thing = resolve(name)
    owner = name if name in CLASSES else name.rpartition(".")[0]
    inside = (
        {*dir(THINGS[owner]), *getattr(THINGS[owner], "__annotations__", ())} if owner in CLASSES else set()
    )
    where = inspect.getmodule(
        getattr(thing, "__func__", getattr(thing, "fget", getattr(thing, "func", thing)))
    )
    text = re.sub(r"``.*?``", "", docstring(name), flags=re.DOTALL)
    for said in re.findall(r"`([A-Za-z_][\w.]*)`", text):
        first = said.split(".")[0]
        known = first in inside or any(other.endswith(f".{said}") for other in [*NAMES, *MEMBERS])
        assert known or first in vars(where or softseg) or exists(said), said


def exists(name: str) -> bool:
    try:
        resolve(name)
    except AttributeError:
        return False
    return True


def listed() -> list[str]:
    """Return the names that the pages of the reference list, in full."""
    found = []
    for page in sorted(API.glob("*.md")):
        module = "softseg"
        for line in page.read_text(encoding="utf-8").splitlines():
            if directive := re.match(r"\.\. (?:py:)?(?:currentmodule|module):: (\S+)", line):
                module = directive[1]
            elif re.fullmatch(r" {3}[\w.]+", line):
                found.append(f"{module}.{line.strip()}")
    return found


def is_classmethod(name: str) -> bool:
    """Say whether a name stands for a classmethod, which is on the page of its class."""
    thing = resolve(name)
    return inspect.ismethod(thing) and inspect.isclass(thing.__self__)


def test_the_pages_list_every_public_thing_once_and_nothing_else() -> None:
    expected = {key: names for key, names in PUBLIC.items() if not is_classmethod(names[0])}
    counts = dict.fromkeys(expected, 0)
    for name in listed():
        key = next((key for key, names in expected.items() if name in names), None)
        assert key is not None, f"{name} is not public"
        counts[key] += 1
    assert not [expected[key] for key, count in counts.items() if count != 1]
