"""Compiling ahead: what is used after it finds its kernels."""

from __future__ import annotations

import numpy as np
from numba.core import event

from softseg import refine, segment, warm_up


class Names(event.Listener):
    """Collects the names of kernels that are compiled."""

    def __init__(self) -> None:
        self.names: list[str] = []

    def on_start(self, event: event.Event) -> None:
        self.names.append(event.data["dispatcher"].py_func.__name__)

    def on_end(self, event: event.Event) -> None:
        pass


def test_nothing_is_left_to_compile(rng: np.random.Generator) -> None:
    warm_up()
    event.register("numba:compile", compiled := Names())
    try:
        segment(rng.random((60, 90, 3)), n_eigenvectors=20, n_layers=2, working_pixels=2000).colors  # noqa: B018
        refine(rng.random((500, 640, 3)), np.tile(np.arange(640) < 300, (500, 1)))
    finally:
        event.unregister("numba:compile", compiled)
    assert compiled.names == []
