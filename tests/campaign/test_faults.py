"""Faults at every step: what was raised comes out, nothing half done is left, and the next run is as ever.

A handful of cases by default. `SOFTSEG_CASES=2000 python -m pytest tests/campaign/test_faults.py` tries all
steps, and kills so many processes; docs/measurements/reliability.md says what came of that.
"""

from __future__ import annotations

import errno
import os
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from tests.process_state import process_state

import softseg
from softseg import segmentation
from softseg.formats import FORMATS
from softseg.testing import random_result

CASES = int(os.environ.get("SOFTSEG_CASES", "12"))
IMAGE = np.random.default_rng(0).random((24, 30, 3))
OPTIONS = {"features": "low-level", "n_eigenvectors": 12, "n_initial": 6, "n_layers": 3, "n_superpixels": 40}
WORKING = [None, 200]  # pixels: never shrunk, and shrunk and carried up
OUTPUTS = [*(f"out{suffix}" for suffix in FORMATS), "out"]
posix = pytest.mark.skipif(os.name != "posix", reason="needs the limits and signals of POSIX")


class Fault(BaseException):
    """No exception that anyone catches by its kind."""


def run(working: int | None, progress: Callable[[str, int, int], object] | None = None) -> np.ndarray:
    """Return the alphas of the photo."""
    return softseg.segment(IMAGE, working_pixels=working, progress=progress, **OPTIONS).alphas


@pytest.fixture(scope="module", params=WORKING, ids=["full size", "shrunk"])
def working(request: pytest.FixtureRequest) -> int | None:
    return request.param


@pytest.fixture(scope="module")
def expected(working: int | None) -> np.ndarray:
    return run(working)


@pytest.mark.parametrize("kind", [Fault, KeyboardInterrupt, MemoryError])
def test_what_progress_raises_comes_out(
    working: int | None, expected: np.ndarray, kind: type[BaseException]
) -> None:
    calls: list[str] = []
    run(working, lambda stage, done, total: calls.append(stage))
    steps = np.unique(np.linspace(0, len(calls) - 1, min(CASES // 2, len(calls))).astype(int))
    before = process_state()
    for step in steps:
        left = step

        def fail(*_: object) -> None:
            nonlocal left
            left -= 1
            if left < 0:
                raise kind

        with pytest.raises(kind):
            run(working, fail)
        assert process_state() == before
    np.testing.assert_array_equal(run(working), expected)


def test_what_a_stage_raises_comes_out(
    working: int | None, expected: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise Fault

    last = ["relaxed_on", "project_to_simplex"] if working is None else ["carried_up"]
    before = process_state()
    for stage in ["initial_clusters", "constrained", "group", *last]:
        with monkeypatch.context() as patch:
            patch.setattr(segmentation, stage, fail)
            with pytest.raises(Fault):
                run(working)
        assert process_state() == before
    np.testing.assert_array_equal(run(working), expected)


def in_a_process(code: str, *arguments: object) -> subprocess.Popen[str]:
    """Start a process that has a random result, and saves it somewhere."""
    start = """
        import os, sys, resource, signal
        import numpy as np
        from softseg.testing import random_result
        result = random_result(np.random.default_rng(int(sys.argv[1])), 40, 50, 4)
    """
    return subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(start) + textwrap.dedent(code), *map(str, arguments)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def content(output: Path) -> dict[str, bytes]:
    """Return the names and bytes of a file, or of a folder's files."""
    files = sorted(output.iterdir()) if output.is_dir() else [output]
    # A killed process may leave its scratch folder inside.
    return {file.name: file.read_bytes() for file in files if file.is_file()}


@posix
def test_a_full_disk_leaves_what_was_there(tmp_path: Path) -> None:
    # A limit on the size of files fails as a full disk does: a write comes back with an OSError.
    code = """
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (200, resource.RLIM_INFINITY))
        for output in sys.argv[2:]:
            try:
                result.save(output)
            except OSError as error:
                print(error.errno)
    """
    for name in OUTPUTS:
        random_result(np.random.default_rng(0), 40, 50, 4).save(tmp_path / name)
    before = {name: content(tmp_path / name) for name in OUTPUTS}
    process = in_a_process(code, 1, *(tmp_path / name for name in OUTPUTS))
    out, err = process.communicate()
    assert out.split() == [str(errno.EFBIG)] * len(OUTPUTS), err
    assert {name: content(tmp_path / name) for name in OUTPUTS} == before
    assert sorted(file.name for file in tmp_path.rglob(".*")) == []


@posix
@pytest.mark.skipif(os.name == "posix" and os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_that_cannot_be_written(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    for name in OUTPUTS:
        with pytest.raises(OSError, match="Permission denied"):
            random_result(np.random.default_rng(0), 40, 50, 4).save(tmp_path / name)


@posix
def test_a_killed_process_leaves_whole_files(tmp_path: Path) -> None:
    # It saves two results in turn, without end.
    code = """
        other = random_result(np.random.default_rng(int(sys.argv[1]) + 1), 40, 50, 4)
        for one in (result, other):
            for output in sys.argv[2:]:
                one.save(output)
        print("ready", flush=True)
        while True:
            for one in (result, other):
                for output in sys.argv[2:]:
                    one.save(output)
    """
    results = [random_result(np.random.default_rng(seed), 40, 50, 4) for seed in (5, 6)]
    whole: dict[str, list[dict[str, bytes]]] = {}
    for name in OUTPUTS:
        whole[name] = []
        for result in results:
            result.save(tmp_path / "whole" / name)
            whole[name].append(content(tmp_path / "whole" / name))
    rng = np.random.default_rng(0)
    folder = tmp_path / "killed"
    for _ in range(max(CASES // 6, 1)):
        process = in_a_process(code, 5, *(folder / name for name in OUTPUTS))
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        time.sleep(rng.uniform(0, 0.3))
        process.kill()
        process.communicate()
        for name in OUTPUTS:
            # A folder's files appear one after the other, each of them whole.
            for key, value in content(folder / name).items():
                assert value in [one[key] for one in whole[name]], name
        for name in OUTPUTS:
            results[0].save(folder / name)
        assert sorted(file.name for file in folder.rglob(".softseg-*")) == []
