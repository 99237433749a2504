"""How long a photo takes from end to end."""

from __future__ import annotations

import numpy as np

import softseg


def test_segment(benchmark, image: np.ndarray) -> None:
    result = softseg.segment(image)
    assert np.abs(result.alphas.sum(axis=2) - 1).max() < 1e-5
    assert result.eigenpairs.converged
    # Hair and suit lie on different objects; the suit's two sleeves on one.
    hair, left_sleeve, right_sleeve = (result.alphas[y, x].argmax() for y, x in [(8, 58), (90, 25), (90, 70)])
    assert hair != left_sleeve == right_sleeve
    benchmark.pedantic(softseg.segment, (image,), rounds=2)
