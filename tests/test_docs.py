"""The pages tell the truth: links lead somewhere, names exist, and the code that shows how to extend runs."""

from __future__ import annotations

import importlib
import os
import re
import shlex
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import softseg
from softseg import cli
from softseg._registry import Registry
from softseg.affinity import AFFINITIES
from softseg.eigen import EIGENSOLVERS, PRECONDITIONERS
from softseg.features.registry import EXTRACTORS
from softseg.formats import FORMATS

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]
REGISTRIES: tuple[Registry, ...] = (AFFINITIES, EIGENSOLVERS, PRECONDITIONERS, EXTRACTORS, FORMATS)
#: What the entry points' groups are called: names that look like modules and are none.
GROUPS = {f"softseg.{registry.kind}" for registry in REGISTRIES}

GUIDES = ROOT / "docs" / "guides"
EXTENDING = GUIDES / "extending.md"
#: Each kind of part that can be added, and the page that adds one.
OWN = {
    "affinities": GUIDES / "own-affinity.md",
    "extractors": GUIDES / "own-features.md",
    "eigensolvers": GUIDES / "own-eigensolver.md",
    "preconditioners": GUIDES / "own-preconditioner.md",
    "formats": GUIDES / "own-file-format.md",
}
#: What the package on these pages registers, by the group that it registers it in.
EXTRAS = {
    "affinities": "GaborAffinity",
    "extractors": "contrast",
    "eigensolvers": "Arpack",
    "preconditioners": "SparseLU",
    "formats": ".zip",
}

pages = pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)


def blocks(page: Path, language: str) -> list[str]:
    """Return the code blocks of a page in one language."""
    return re.findall(rf"^```{language}\n(.*?)^```$", page.read_text(encoding="utf-8"), re.M | re.S)


def prose(page: Path) -> str:
    """Return a page without its code blocks."""
    return re.sub(r"^```.*?^```$", "", page.read_text(encoding="utf-8"), flags=re.M | re.S)


def anchors(page: Path) -> set[str]:
    """Return the names that a page's headings go by in links, as GitHub makes them."""
    headings = re.findall(r"^#+ (.+)$", prose(page), re.M)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pages
def test_every_relative_link_leads_to_a_file_of_the_repository(page: Path) -> None:
    text = prose(page)
    targets = re.findall(r"\]\(([^)\s]+)\)", text) + re.findall(r'\bsrc="([^"]+)"', text)
    for target in targets:
        if re.match(r"https?:|mailto:", target):
            continue
        path, _, anchor = target.partition("#")
        file = (page.parent / path).resolve() if path else page
        assert file.exists(), target
        assert file.is_relative_to(ROOT), target
        assert not anchor or anchor in anchors(file), target


@pages
def test_nothing_points_outside_the_repository(page: Path) -> None:
    assert "../shared" not in page.read_text(encoding="utf-8")


@pages
def test_every_dotted_name_exists(page: Path) -> None:
    for name in set(re.findall(r"\bsoftseg(?:\.[A-Za-z_]\w*)+", page.read_text(encoding="utf-8"))) - GROUPS:
        assert resolves(name), name


def resolves(name: str) -> bool:
    """Whether a dotted name is a module, or an attribute of one."""
    parts = name.split(".")
    for count in range(len(parts), 0, -1):
        try:
            thing = importlib.import_module(".".join(parts[:count]))
        except ModuleNotFoundError:
            continue
        for part in parts[count:]:
            if not hasattr(thing, part):
                return False
            thing = getattr(thing, part)
        return True
    return False


@pytest.fixture(scope="module")
def extras(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write the files that docs/guides/extending.md and the pages of the parts show."""
    folder = tmp_path_factory.mktemp("softseg-extras")
    for block in (block for page in OWN.values() for block in blocks(page, "python")):
        if match := re.match(r"# ((?:src|tests)/\S+\.py)\n", block):
            file = folder / match[1]
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(block, encoding="utf-8")
    (folder / "src" / "softseg_extras" / "__init__.py").touch()
    (project,) = blocks(EXTENDING, "toml")
    (folder / "pyproject.toml").write_text(project, encoding="utf-8")
    return folder


def photo(height: int, width: int) -> Image.Image:
    """Return a photo with a bright half, and a patch of another color."""
    image = np.random.default_rng(0).integers(0, 60, (height, width, 3), dtype=np.uint8)
    image[:, width // 2 :] += 180
    image[height // 2 :, : width // 4, 1] += 150
    return Image.fromarray(image)


@pytest.fixture
def _forget_names(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Take back what a test registers, or installs."""
    for registry in REGISTRIES:
        monkeypatch.setattr(registry, "_known", dict(registry._known))
        registry.__dict__.pop("_installed", None)
    yield
    for registry in REGISTRIES:
        registry.__dict__.pop("_installed", None)
    for module in [name for name in sys.modules if name.startswith("softseg_extras")]:
        del sys.modules[module]


@pytest.fixture
def scripting(extras: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, _forget_names: None) -> Path:
    """Make the package importable, but not installed; return the working folder, which has a photo."""
    monkeypatch.syspath_prepend(extras / "src")
    monkeypatch.chdir(tmp_path)
    photo(9, 12).save("photo.jpg")
    return tmp_path


@pytest.fixture(scope="module")
def metadata(extras: Path) -> Path:
    """Return a folder with what pip would write of the package's pyproject.toml, to be put on the path."""
    project = tomllib.loads((extras / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    info = extras / "metadata" / f"{project['name'].replace('-', '_')}-{project['version']}.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text(
        f"Metadata-Version: 2.1\nName: {project['name']}\nVersion: {project['version']}\n"
    )
    lines = []
    for group, entries in project["entry-points"].items():
        lines += [f"[{group}]", *(f"{name} = {where}" for name, where in entries.items())]
    (info / "entry_points.txt").write_text("\n".join(lines))
    return info.parent


@pytest.mark.filterwarnings("ignore:n_layers")  # a photo this small may have fewer
@pytest.mark.parametrize("kind", EXTRAS)
@pytest.mark.usefixtures("scripting")
def test_scripts_that_use_an_extension_run(kind: str) -> None:
    registry = next(registry for registry in REGISTRIES if registry.kind == kind)
    assert EXTRAS[kind] not in registry
    (script,) = (
        block
        for block in blocks(OWN[kind], "python")
        if not block.startswith("#") and re.search(rf'register\w*\("{re.escape(EXTRAS[kind])}"', block)
    )
    if kind in ("eigensolvers", "preconditioners"):
        photo(27, 38).save("photo.jpg")  # of more than 1000 pixels: LAPACK solves smaller ones
    names: dict[str, object] = {}
    exec(compile(script, f"{OWN[kind]}: {EXTRAS[kind]}", "exec"), names)
    assert EXTRAS[kind] in registry
    if kind == "affinities":
        assert names["again"].affinity == names["result"].affinity  # type: ignore[attr-defined]
        assert str(names["again"].affinity) in script  # type: ignore[attr-defined]


@pytest.mark.filterwarnings("ignore:n_layers")
def test_the_command_line_knows_an_installed_extension(
    scripting: Path, metadata: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.syspath_prepend(metadata)
    commands = [
        line for page in OWN.values() for block in blocks(page, "console") for line in block.splitlines()
    ]
    assert len(commands) == 3
    for command in commands:
        program, *arguments = shlex.split(command)
        assert program == "softseg"
        output = scripting / arguments[arguments.index("-o") + 1]
        assert cli.main(arguments) == 0, capsys.readouterr().err
        assert output.exists()
    assert "GaborAffinity" in str(softseg.SoftSegmentation.load(scripting / "photo.npz").affinity)


def test_extensions_pass_the_inherited_test_cases(extras: Path, metadata: Path) -> None:
    """As the extensions' author would run them: in a process of its own, the package installed."""
    tests = [*(extras / "tests").glob("test_*.py")]
    assert len(tests) == len(EXTRAS)
    run = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--rootdir", extras, *tests],
        env=_environment(extras / "src", metadata),
        cwd=extras,
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stdout[-5000:] + run.stderr[-2000:]
    assert "passed" in run.stdout


def _environment(*folders: Path) -> dict[str, str]:
    """Return this process's environment, with folders to import from; one thread: all matrices are small."""
    path = os.pathsep.join([*map(str, folders), *filter(None, [os.environ.get("PYTHONPATH")])])
    threads = ("NUMBA_NUM_THREADS", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS")
    return {**os.environ, "PYTHONPATH": path, **dict.fromkeys(threads, "1")}


def test_every_part_of_the_package_is_checked(extras: Path) -> None:
    parts = {path.stem for path in (extras / "src" / "softseg_extras").glob("*.py")} - {"__init__"}
    assert {path.stem.removeprefix("test_") for path in (extras / "tests").glob("*.py")} == parts
    groups = tomllib.loads((extras / "pyproject.toml").read_text(encoding="utf-8"))["project"]["entry-points"]
    assert {group: list(entries) for group, entries in groups.items()} == {
        f"softseg.{kind}": [name] for kind, name in EXTRAS.items()
    }
    for kind, page in OWN.items():
        (own,) = (tomllib.loads(block)["project"]["entry-points"] for block in blocks(page, "toml"))
        assert own == {f"softseg.{kind}": groups[f"softseg.{kind}"]}


def test_every_kind_of_part_has_a_page() -> None:
    assert list(OWN) == list(EXTRAS)
    assert {*OWN.values()} == {*GUIDES.glob("own-*.md")}
    assert {registry.kind for registry in REGISTRIES} == {*OWN}
    for page in OWN.values():
        assert f"]({page.name})" in EXTENDING.read_text(encoding="utf-8")


def test_the_workflow_checks_the_oldest_python_on_every_system() -> None:
    yaml = pytest.importorskip("yaml")
    workflow = yaml.safe_load((ROOT / ".github" / "workflows" / "ci.yml").read_text(encoding="utf-8"))
    job = workflow["jobs"]["check"]
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert project["requires-python"] == f">={job['strategy']['matrix']['python'][0]}"
    assert {system.split("-")[0] for system in job["strategy"]["matrix"]["system"]} == {
        "ubuntu",
        "macos",
        "windows",
    }
    assert [step["run"] for step in job["steps"] if "run" in step][-1] == ".ci/run"
