"""Random numbers that repeat: from the caller's seed or generator, with no effect on anyone else's state."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator

import numpy as np

RNG = int | np.integer | np.random.Generator | None

FIXED_SEED = 0  # what None stands for

# NumPy's legacy functions share one global state. If two threads saved and restored it in turns, it would be
# left changed.
_LEGACY_STATE = threading.RLock()


def generator(rng: RNG) -> np.random.Generator:
    """Return the generator that ``rng`` stands for; None means a fixed seed, so that results repeat.

    Parameters
    ----------
    rng : None, int or numpy.random.Generator
        A seed of at least 0, or a generator, which is returned as it is.

    Raises
    ------
    TypeError, ValueError
        In one line, naming ``rng``, if it is anything else.

    Examples
    --------
    >>> from softseg._rng import generator
    >>> generator(None).random() == generator(None).random() == generator(0).random()
    True
    """
    if rng is None:
        rng = FIXED_SEED
    if isinstance(rng, bool) or not isinstance(rng, (int, np.integer, np.random.Generator)):
        raise TypeError(f"rng: expected None, an integer seed or a numpy Generator, got {type(rng).__name__}")
    if not isinstance(rng, np.random.Generator) and rng < 0:
        raise ValueError(f"rng: a seed must be 0 or more, got {rng}")
    return np.random.default_rng(rng)


@contextlib.contextmanager
def legacy_seed(rng: np.random.Generator) -> Iterator[None]:
    """Seed NumPy's global generator from ``rng`` for the block, and put the caller's state back after it.

    pyamg draws its starting vectors from the global state. Results would depend on that state otherwise.
    """
    with _LEGACY_STATE:
        state = np.random.get_state()  # noqa: NPY002
        np.random.seed(int(rng.integers(2**32)))  # noqa: NPY002
        try:
            yield
        finally:
            np.random.set_state(state)  # noqa: NPY002
