"""Compiled kernels on disk: damaged files and a full disk stop nothing."""

from __future__ import annotations

import errno
import importlib.util
import os
from pathlib import Path

import numba
import pytest
from numba.core import event
from numba.core.caching import IndexDataCacheFile

from softseg import _kernel_cache
from softseg._numba import kernel

MODULE = """
from softseg._numba import kernel

@kernel
def double(x):
    return 2 * x
"""


@pytest.fixture
def module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a file with a kernel, whose cache lies beside it."""
    monkeypatch.setattr(numba.config, "CACHE_DIR", str(tmp_path / "cache"))
    path = tmp_path / "doubling.py"
    path.write_text(MODULE)
    return path


def is_compiled(module: Path) -> bool:
    """Call the kernel as a new process would; return whether it had to be compiled."""
    spec = importlib.util.spec_from_file_location("doubling", module)
    assert spec is not None
    assert spec.loader is not None
    loaded = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(loaded)
    with event.install_recorder("numba:compile") as compilations:
        assert loaded.double(4) == 8
    return len(compilations.buffer) > 0


@pytest.mark.parametrize("kept", [0, 0.5, 0.9, None], ids=["empty", "half", "cut off", "something else"])
@pytest.mark.parametrize("suffix", [".nbi", ".nbc"])
def test_damaged_files_are_compiled_anew_and_replaced(module: Path, suffix: str, kept: float | None) -> None:
    assert is_compiled(module)
    assert not is_compiled(module)
    (file,) = module.parent.rglob(f"*{suffix}")
    content = file.read_bytes()
    file.write_bytes(b"no kernel" if kept is None else content[: int(kept * len(content))])
    assert is_compiled(module)
    assert not is_compiled(module)


def test_a_full_disk_is_told_once_and_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(IndexDataCacheFile, "save", fail)
    _kernel_cache.warn_of_no_cache.cache_clear()
    double, triple = kernel(lambda x: 2 * x), kernel(lambda x: 3 * x)
    with pytest.warns(UserWarning, match=r"cannot be kept in .+ \(No space left on device\)"):
        assert double(4) == 8
    assert triple(4) == 12  # warnings are errors here, and there is no second one
