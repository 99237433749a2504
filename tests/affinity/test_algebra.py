"""Sums and multiples of affinities."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

import softseg
from softseg import ColorAffinity, MattingAffinity, Scene, SemanticAffinity
from softseg.affinity import Affinity, Scaled, Sum

A, B, C = MattingAffinity(), SemanticAffinity(steepness=10.0), ColorAffinity(radius=0.3)


def test_sums_flatten_in_order() -> None:
    assert A + B + C == (A + B) + C == A + (B + C) == Sum((A, B, C))
    assert (A + B) + (B + C) == Sum((A, B, B, C))
    assert A + B != B + A


def test_scalars_multiply_from_both_sides_and_distribute() -> None:
    assert 0.5 * A == A * 0.5 == Scaled(0.5, A)
    assert 2 * (0.25 * A) == Scaled(0.5, A)
    assert 2 * (A + 0.5 * B) == Sum((Scaled(2.0, A), Scaled(1.0, B)))
    assert np.float32(0.5) * A == 0.5 * A
    assert type((np.float64(0.5) * A).factor) is float


def test_the_builtin_sum() -> None:
    assert sum([A, B, C]) == A + B + C
    assert sum([A]) == A


@pytest.mark.parametrize("other", [1, 1.0, "a", None, [A], np.ones((2, 2))])
def test_only_affinities_add(other: object) -> None:
    with pytest.raises(TypeError):
        A + other
    with pytest.raises(TypeError):
        other + A


@pytest.mark.parametrize("factor", ["a", None, True, 1j, A])
def test_only_real_numbers_multiply(factor: object) -> None:
    with pytest.raises(TypeError):
        A * factor
    with pytest.raises(TypeError):
        factor * A


@pytest.mark.parametrize("factor", [float("nan"), float("inf")])
def test_factors_are_finite(factor: float) -> None:
    with pytest.raises(ValueError, match=r"\Afactor: [^\n]* finite number, got (nan|inf)\Z"):
        factor * A


def test_matrices_follow_the_algebra(scene: Scene) -> None:
    a, b, c = (term.matrix(scene).toarray() for term in (A, B, C))
    combined = (A + 0.25 * B + (-2) * C).matrix(scene)
    np.testing.assert_allclose(combined.toarray(), a + 0.25 * b - 2 * c, rtol=0, atol=1e-14)
    assert type(combined) is type((0.5 * A).matrix(scene)) is type(A.matrix(scene))


@pytest.mark.parametrize("term", [A + B + C, 0.01 * B, A + 0.01 * B + 1e-05 * C, -1 * (A + B), 3 * (2 * A)])
def test_repr_can_be_pasted_back(term: Affinity) -> None:
    assert eval(repr(term), {name: getattr(softseg, name) for name in softseg.__all__}) == term


def test_are_immutable_and_hashable() -> None:
    for term, field in ((A + B, "terms"), (0.5 * A, "factor")):
        with pytest.raises(dataclasses.FrozenInstanceError):
            setattr(term, field, None)
    assert len({A + B, A + B, 0.5 * A, A * 0.5, B}) == 3


def test_operands_stay_what_they_were() -> None:
    pair = A + B
    total = pair + C
    total *= 3
    assert pair == Sum((A, B))


def test_an_affinity_must_have_a_matrix() -> None:
    class Nothing(Affinity):
        pass

    with pytest.raises(TypeError, match="abstract"):
        Nothing()
