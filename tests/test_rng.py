"""Random numbers: what stands for a generator, and the global state that is nobody's business."""

from __future__ import annotations

import re
import threading

import numpy as np
import pytest

from softseg._rng import generator, legacy_seed


def test_none_means_a_fixed_seed() -> None:
    assert generator(None).random() == generator(None).random() == generator(0).random()


def test_seeds_are_integers_of_any_kind() -> None:
    assert generator(7).random() == generator(np.int64(7)).random() == np.random.default_rng(7).random()
    assert generator(7).random() != generator(8).random()


def test_a_generator_is_used_as_it_is() -> None:
    rng = np.random.default_rng(3)
    assert generator(rng) is rng


@pytest.mark.usefixtures("unhooked")
@pytest.mark.parametrize(
    ("rng", "error", "message"),
    [
        ("seed", TypeError, "rng: expected None, an integer seed or a numpy Generator, got str"),
        (1.0, TypeError, "rng: expected None, an integer seed or a numpy Generator, got float"),
        (True, TypeError, "rng: expected None, an integer seed or a numpy Generator, got bool"),
        (np.random.RandomState(0), TypeError, "rng: expected None, an integer seed or a numpy Generator"),
        (-1, ValueError, "rng: a seed must be 0 or more, got -1"),
    ],
)
def test_anything_else_is_refused(rng: object, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=rf"\A{re.escape(message)}[^\n]*\Z"):
        generator(rng)  # type: ignore[arg-type]


def global_draws() -> list[float]:
    return np.random.random(3).tolist()  # noqa: NPY002


def test_legacy_seed_decides_the_global_draws_and_puts_the_state_back() -> None:
    inside = []
    for callers_seed in (1, 2):
        np.random.seed(callers_seed)  # noqa: NPY002
        expected = global_draws()
        np.random.seed(callers_seed)  # noqa: NPY002
        with legacy_seed(np.random.default_rng(5)):
            inside.append(global_draws())
        assert global_draws() == expected
    assert inside[0] == inside[1]


def test_legacy_seed_puts_the_state_back_after_an_error() -> None:
    np.random.seed(1)  # noqa: NPY002
    expected = global_draws()
    np.random.seed(1)  # noqa: NPY002
    with pytest.raises(ZeroDivisionError), legacy_seed(np.random.default_rng(5)):
        1 / 0  # noqa: B018
    assert global_draws() == expected


def test_legacy_seed_lets_one_thread_in_at_a_time() -> None:
    # Two threads inside would draw from one stream, and the last to leave would put the first one's back.
    other_is_inside = threading.Event()

    def enter() -> None:
        with legacy_seed(np.random.default_rng(6)):
            other_is_inside.set()

    other = threading.Thread(target=enter)
    with legacy_seed(np.random.default_rng(5)):
        other.start()
        assert not other_is_inside.wait(timeout=0.2)
    other.join(timeout=5)
    assert other_is_inside.is_set()
