"""Compiled kernels on disk: damaged files and a full disk stop nothing."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from pathlib import Path

import pytest
from numba.core.caching import IndexDataCacheFile

from softseg import _kernel_cache
from softseg._numba import kernel

CODE = """
import sys
from numba.core import event
from softseg.eigen._kernels import take_columns
import numpy as np
with event.install_recorder("numba:compile") as compilations:
    out = np.empty((2, 1))
    take_columns(np.arange(6.0).reshape(2, 3), np.array([1]), out)
print(out.ravel().tolist(), len(compilations.buffer) > 0)
"""


def run(cache: Path) -> str:
    """Run a kernel in a process of its own; return what it finds, and whether it was compiled."""
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", CODE],
        check=False,
        capture_output=True,
        text=True,
        env={**os.environ, "NUMBA_CACHE_DIR": str(cache)},
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


@pytest.mark.parametrize("kept", [0, 0.5, 0.9, None], ids=["empty", "half", "cut off", "something else"])
@pytest.mark.parametrize("suffix", [".nbi", ".nbc"])
def test_damaged_files_are_compiled_anew_and_replaced(
    tmp_path: Path, suffix: str, kept: float | None, compiled_once: Path
) -> None:
    cache = tmp_path / "cache"
    for file in compiled_once.rglob("*.nb?"):
        copy = cache / file.relative_to(compiled_once)
        copy.parent.mkdir(parents=True, exist_ok=True)
        content = file.read_bytes()
        if file.suffix == suffix:
            content = b"no kernel" if kept is None else content[: int(kept * len(content))]
        copy.write_bytes(content)
    assert run(cache) == "[1.0, 4.0] True"
    assert run(cache) == "[1.0, 4.0] False"


@pytest.fixture(scope="module")
def compiled_once(tmp_path_factory: pytest.TempPathFactory) -> Path:
    cache = tmp_path_factory.mktemp("compiled")
    assert run(cache) == "[1.0, 4.0] True"
    assert run(cache) == "[1.0, 4.0] False"
    return cache


def test_a_full_disk_is_told_once_and_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(IndexDataCacheFile, "save", fail)
    _kernel_cache.warn_of_no_cache.cache_clear()
    double, triple = kernel(lambda x: 2 * x), kernel(lambda x: 3 * x)
    with pytest.warns(UserWarning, match=r"cannot be kept in .+ \(No space left on device\)"):
        assert double(4) == 8
    assert triple(4) == 12  # warnings are errors here, and there is no second one
