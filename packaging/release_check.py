"""Check that what would be uploaded works: `make release-check`, or

    python packaging/release_check.py [--keep FOLDER]

The source archive is built, the wheel from it, and the same of the napari plugin. The wheel is installed
in an empty environment, and there, in a folder without the source, the demo is run, and then, with the extras
that they need, the docstrings' examples. FOLDER keeps the archives.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
import tomllib
import venv
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PLUGIN = ROOT / "plugins" / "napari"
# Files that say the version, each with the pattern that finds it.
VERSIONS = {
    "pyproject.toml": r'^version = "(.+)"$',
    "src/softseg/__init__.py": r'^__version__ = "(.+)"$',
    "CHANGELOG.md": r"^## (\S+)",
    "CITATION.cff": r"^version: (.+)$",
    "packaging/conda/recipe.yaml": r'^  version: "(.+)"$',
    "plugins/napari/pyproject.toml": r'^version = "(.+)"$',
}
# What the examples of docstrings need besides what is required.
EXTRAS = "dask,exr,psd,test"
# Two numbers or three, without a suffix: what ends in "dev0" is not released.
RELEASE = r"\d+\.\d+(\.\d+)?"


def main() -> None:
    """Run all checks, and stop at the first that fails."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--keep", type=Path, metavar="FOLDER", help="where to leave the archives")
    arguments = parser.parse_args()
    version = agreed_version()
    with tempfile.TemporaryDirectory(prefix="softseg-release-") as scratch:
        folder = Path(scratch)
        wheel = build(ROOT, folder / "dist", f"softseg-{version}")
        build(PLUGIN, folder / "dist", f"softseg_napari-{version}")
        run(sys.executable, "-m", "twine", "check", "--strict", *sorted((folder / "dist").iterdir()))
        python = folder / "environment" / ("Scripts" if os.name == "nt" else "bin") / "python"
        venv.create(folder / "environment", with_pip=True)
        elsewhere = folder / "elsewhere"
        elsewhere.mkdir()
        install(python, str(wheel))
        try_the_program(python, elsewhere, version)
        install(python, f"{wheel}[{EXTRAS}]")
        try_the_examples(python, elsewhere)
        if arguments.keep:
            shutil.copytree(folder / "dist", arguments.keep, dirs_exist_ok=True)
    print(f"softseg {version} can be released.")


def agreed_version() -> str:
    """Return the version that all files say, which is one to release."""
    found = {}
    for name, pattern in VERSIONS.items():
        match = re.search(pattern, (ROOT / name).read_text(encoding="utf-8"), re.MULTILINE)
        found[name] = match[1] if match else "none"
    if len(set(found.values())) > 1:
        sys.exit("versions differ: " + ", ".join(f"{name} says {text}" for name, text in found.items()))
    version = found["pyproject.toml"]
    if not re.fullmatch(RELEASE, version):
        sys.exit(f"version {version} is not one to release: it must be numbers alone, as 0.1.0 is")
    needed = tomllib.loads((PLUGIN / "pyproject.toml").read_text(encoding="utf-8"))["project"]["dependencies"]
    if not any(re.fullmatch(rf"softseg\[.*\]>={re.escape(version)}", line) for line in needed):
        sys.exit(f"plugins/napari/pyproject.toml must require softseg>={version}")
    return version


def build(project: Path, dist: Path, name: str) -> Path:
    """Build a source archive, and a wheel from that; return the wheel."""
    # Without isolation, so that the build backend is the pinned one.
    run(sys.executable, "-m", "build", "--no-isolation", "--outdir", dist, project)
    (wheel,) = dist.glob(f"{name}-*.whl")
    if not (dist / f"{name}.tar.gz").exists():
        sys.exit(f"no source archive {name}.tar.gz was built")
    return wheel


def install(python: Path, requirement: str) -> None:
    """Install a wheel, and check that what it needs is there."""
    pip = [python, "-m", "pip", "--disable-pip-version-check", "--quiet"]
    run(*pip, "install", "--constraint", ROOT / "constraints.txt", requirement)
    run(*pip, "check")


def try_the_program(python: Path, folder: Path, version: str) -> None:
    """Run the command that everybody runs first, in a folder of its own."""
    where = "import softseg, sys; print(softseg.__file__); assert softseg.__file__.startswith(sys.prefix)"
    run(python, "-c", where, folder=folder)
    said = run(python, "-m", "softseg", "--version", folder=folder, capture=True)
    if said.split()[-1] != version:
        sys.exit(f"softseg --version says {said!r}, not {version}")
    run(python, "-m", "softseg", "demo", "--output", "out", folder=folder)


def try_the_examples(python: Path, folder: Path) -> None:
    """Run the examples in the docstrings of all modules; a warning is an error."""
    shutil.copy(ROOT / "tests" / "test_doctests.py", folder)
    pytest = [python, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-W", "error"]
    run(*pytest, "test_doctests.py", folder=folder)


def run(*command: str | Path, folder: Path | None = None, capture: bool = False) -> str:
    """Run a command in an environment that knows nothing of the source; stop if it fails."""
    print("+", *command, flush=True)
    clean = {name: text for name, text in os.environ.items() if name not in {"PYTHONPATH", "VIRTUAL_ENV"}}
    done = subprocess.run(
        list(map(str, command)), cwd=folder, env=clean, text=True, check=False, capture_output=capture
    )
    if done.returncode:
        sys.exit(f"failed with {done.returncode}: {' '.join(map(str, command))}\n{done.stderr or ''}")
    return done.stdout.strip() if capture else ""


if __name__ == "__main__":
    main()
