"""Kernels: compiled once, run on all parts, in processes forked from a busy one too."""

from __future__ import annotations

import multiprocessing
import sys
import warnings

import numpy as np
import pytest

from softseg import _numba, _threads
from softseg.eigen._kernels import take_columns


@pytest.mark.parametrize("count", [0, 1, 2, 7, 100])
@pytest.mark.parametrize("cores", [1, 2, 5])
def test_all_parts_are_done_once(count: int, cores: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_threads, "cores", lambda: cores)
    done: list[int] = []
    _threads.on_all_cores(lambda start, stop: done.extend(range(start, stop)), count)
    assert sorted(done) == list(range(count))


def test_an_error_in_a_part_comes_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_threads, "cores", lambda: 3)

    def fail(start: int, stop: int) -> None:
        raise ValueError(f"{start} to {stop}")

    with pytest.raises(ValueError, match="to"):
        _threads.on_all_cores(fail, 50)


def pick() -> np.ndarray:
    block, out = np.arange(4000.0).reshape(400, 10), np.empty((400, 3))
    take_columns(block, np.array([1, 5, 9]), out)
    return out


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no fork")
def test_a_forked_process_has_threads_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_threads, "cores", lambda: 3)
    expected = pick()  # so that there are threads before the fork
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # of forking a process that has threads
        with multiprocessing.get_context("fork").Pool(1) as pool:
            np.testing.assert_array_equal(pool.apply_async(pick).get(timeout=30), expected)


def test_it_is_known_when_a_kernel_compiles() -> None:
    seen: list[bool] = []
    _numba.event.register("numba:compile", listener := Recorder(seen))
    try:
        _numba.numba.njit(lambda x: x + 1)(1)
    finally:
        _numba.event.unregister("numba:compile", listener)
    assert seen == [True]
    assert not _numba.is_compiling()


class Recorder(_numba.event.Listener):
    """Notes whether a compilation is known to go on when one begins."""

    def __init__(self, seen: list[bool]) -> None:
        self.seen = seen

    def on_start(self, event: object) -> None:
        self.seen.append(_numba.is_compiling())

    def on_end(self, event: object) -> None:
        pass
