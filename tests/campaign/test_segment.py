"""Photos, features and numbers of all kinds: a result that keeps its promises, or an error that says why.

A handful of cases by default. `SOFTSEG_CASES=2000 python -m pytest tests/campaign/test_segment.py` tries so
many; docs/measurements/reliability.md says what came of that.
"""

from __future__ import annotations

import os
import warnings
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, note, settings
from hypothesis import strategies as st
from tests.process_state import process_state

import softseg

CASES = int(os.environ.get("SOFTSEG_CASES", "12"))
# Errors name the argument that they are about.
ARGUMENTS = ("image", "features", "superpixels", "n_", "working_pixels", "rng", "background")
SETTINGS = settings(
    max_examples=CASES,
    # The handful is the same every time. A campaign is another one each time, and says how to repeat a case.
    derandomize=CASES < 100,
    deadline=None,
    database=None,
    print_blob=True,
    suppress_health_check=list(HealthCheck),
)

seeds = st.integers(0, 2**32 - 1)


@st.composite
def shapes(draw: st.DrawFn) -> tuple[int, int]:
    """Draw heights and widths: tiny, long, up to some thousand pixels, and a few too narrow."""
    side = st.one_of(st.integers(3, 12), st.integers(3, 60), st.integers(1, 4))
    return draw(side), draw(side)


@st.composite
def values(draw: st.DrawFn, shape: tuple[int, int]) -> np.ndarray:
    """Draw the values of a photo (H, W, 3) in [0, 1]."""
    rng = np.random.default_rng(draw(seeds))
    y, x = np.mgrid[: shape[0], : shape[1]]
    kind = draw(
        st.sampled_from(["constant", "two", "noise", "gradient", "saturated", "board", "regions", "dots"])
    )
    note(kind)
    one, other = rng.random(3), rng.random(3)
    if kind == "constant":
        return np.full((*shape, 3), one)
    if kind == "noise":
        return rng.random((*shape, 3))
    if kind == "saturated":
        return rng.integers(0, 2, (*shape, 3)).astype(float)
    if kind == "regions":
        return rng.random((4, 3))[2 * (y * 2 >= shape[0]) + (x * 2 >= shape[1])]
    if kind == "gradient":
        share = (x + y) / max(sum(shape) - 2, 1)
    elif kind == "board":
        share = (x + y) % 2.0
    elif kind == "dots":
        share = (rng.random(shape) < 0.05) + 0.0
    else:
        share = (x * draw(st.integers(2, 5)) >= shape[1]) + 0.0
    return one + share[:, :, None] * (other - one)


@st.composite
def photos(draw: st.DrawFn) -> Any:
    """Draw a photo as an array of some dtype, order and strides."""
    pixels = draw(values(draw(shapes())))
    dtype = draw(st.sampled_from(["uint8", "uint16", "float16", "float32", "float64", ">f4"]))
    scale = {"uint8": 255, "uint16": 65535}.get(dtype, 1)
    pixels = np.rint(pixels * scale).astype(dtype) if scale > 1 else pixels.astype(dtype)
    layout = draw(
        st.sampled_from(["plain", "gray", "gray 3d", "reversed", "every second", "fortran", "read-only"])
    )
    note(f"{pixels.shape} {dtype} {layout}")
    if layout == "gray":
        return pixels[:, :, 0]
    if layout == "gray 3d":
        return pixels[:, :, :1]
    if layout == "reversed":
        return pixels[::-1, ::-1, ::-1]
    if layout == "every second":
        return np.repeat(np.repeat(pixels, 2, axis=0), 2, axis=1)[::2, ::2]
    if layout == "fortran":
        return np.asfortranarray(pixels)
    if layout == "read-only":
        pixels.setflags(write=False)
    return pixels


@st.composite
def features(draw: st.DrawFn, shape: tuple[int, int]) -> Any:
    """Draw features: by name, or of 1 to 200 channels, random, constant, collinear, tiny or huge."""
    kind = draw(
        st.sampled_from(["default", "low-level", "random", "constant", "collinear", "tiny", "huge", "labels"])
    )
    note(f"features {kind}")
    if kind in ("default", "low-level"):
        return kind
    rng = np.random.default_rng(draw(seeds))
    channels = draw(st.one_of(st.integers(1, 5), st.integers(1, 200)))
    drawn = rng.standard_normal((*shape, channels))
    if kind == "constant":
        return np.full((*shape, channels), draw(st.floats(-10, 10)))
    if kind == "collinear":
        return drawn[:, :, :1] * rng.standard_normal(channels)
    if kind == "labels":
        return rng.integers(0, 3, (*shape, channels))
    return drawn * {"tiny": 1e-30, "huge": 1e30}.get(kind, 1)


@SETTINGS
@given(data=st.data())
def test_a_result_that_keeps_its_promises_or_an_error_that_says_why(data: st.DataObject) -> None:
    image = data.draw(photos())
    chosen = data.draw(features(image.shape[:2]))
    options = {
        "n_layers": data.draw(st.one_of(st.integers(1, 8), st.just("auto"))),
        "n_eigenvectors": data.draw(st.integers(1, 60)),
        "n_initial": data.draw(st.integers(1, 20)),
        "n_superpixels": data.draw(st.integers(1, 400)),
        "working_pixels": data.draw(st.one_of(st.none(), st.integers(9, 4000))),
        "rng": data.draw(seeds),
    }
    given_image, before = image.copy(), process_state()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # softseg's own: few layers, no convergence, clipping
        inside = list(warnings.filters)
        try:
            result = softseg.segment(image, chosen, **options)
        except (ValueError, TypeError) as error:
            check_message(str(error))
            result = None
        assert list(warnings.filters) == inside
    assert process_state() == before
    np.testing.assert_array_equal(image, given_image)
    if result is not None:
        check_result(result, image, options)


def check_message(message: str) -> None:
    """Check that an error has one line, which names the argument."""
    assert "\n" not in message, message
    assert message.startswith(ARGUMENTS), message


def check_result(result: softseg.SoftSegmentation, image: np.ndarray, options: dict[str, Any]) -> None:
    """Check all that holds for any result."""
    alphas = result.alphas
    assert alphas.shape[:2] == image.shape[:2]
    assert 1 <= alphas.shape[2] <= (10 if options["n_layers"] == "auto" else options["n_layers"])
    for layers in (alphas, result.initial_alphas):
        assert np.isfinite(layers).all()
    assert alphas.min() >= 0
    assert alphas.max() <= 1
    np.testing.assert_allclose(alphas.sum(axis=2), 1, atol=1e-5)  # float32 sums of up to ten layers
    assert result.colors.min() >= 0
    assert result.colors.max() <= 1
    together = np.einsum("hwk,hwkc->hwc", alphas, result.colors)
    np.testing.assert_allclose(together, result.image, atol=1e-4)  # colors are found to 1e-5 in float32


@pytest.mark.parametrize("shape", [(1, 1), (1, 40), (2, 2), (40, 2), (0, 5)])
def test_photos_narrower_than_a_window_are_refused(shape: tuple[int, int]) -> None:
    with pytest.raises(ValueError, match=r"^image: ") as caught:
        softseg.segment(np.zeros((*shape, 3)))
    check_message(str(caught.value))
