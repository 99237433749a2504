"""Settings are checked when they are made, and `segment` computes as they say."""

from __future__ import annotations

import re
from dataclasses import FrozenInstanceError, replace
from typing import Any

import numpy as np
import pytest

from softseg import PUBLISHED, Eigensolver, MattingAffinity, Settings, segment, spectral_matting
from softseg.eigen import LOBPCG, LocalInverse, Multigrid, ShiftInvert
from softseg.settings import DEFAULT, WORKING_PIXELS
from softseg.sparsify import PixelBlocks, Unpreconditioned

QUICK: dict[str, Any] = {"features": "low-level", "n_eigenvectors": 10, "n_initial": 4, "n_layers": 2}


@pytest.fixture
def image(rng: np.random.Generator) -> np.ndarray:
    """Return two halves with grain, of 24 x 32 pixels."""
    image = np.where(np.arange(32)[:, None] < 14, (0.8, 0.3, 0.2), (0.1, 0.4, 0.7))
    return np.clip(image + rng.normal(0, 0.02, (24, 32, 3)), 0, 1)


class TestWhatDoesNotFit:
    @pytest.mark.usefixtures("unhooked")
    @pytest.mark.parametrize(
        ("setting", "value", "kind", "said"),
        [
            ("sample", -5, ValueError, "expected an integer of at least 1, got -5"),
            ("sample", 0, ValueError, "expected an integer of at least 1, got 0"),
            ("sample", 2.5, TypeError, "expected an integer, got float"),
            ("sample", True, TypeError, "expected an integer, got bool"),
            ("preconditioner", LocalInverse(), TypeError, "expected an instance of LayerPreconditioner"),
            ("preconditioner", PixelBlocks, TypeError, "expected an instance of LayerPreconditioner"),
            ("preconditioner", None, TypeError, "expected an instance of LayerPreconditioner"),
            ("eigensolver", "lobpcg", ValueError, "expected calls of LOBPCG, ShiftInvert with plain values"),
            ("eigensolver", "Nonsense()", ValueError, "expected one of LOBPCG, ShiftInvert, got Nonsense"),
            ("eigensolver", "Multigrid()", ValueError, "expected an eigensolver, got 'Multigrid()'"),
            ("eigensolver", "LOBPCG(tol=1", ValueError, "expected one such as LOBPCG(), got 'LOBPCG(tol=1'"),
            ("eigensolver", "LOBPCG(tol='a')", TypeError, "LOBPCG(tol='a'): tol: expected a number, got str"),
            ("eigensolver", None, TypeError, "expected an instance of Eigensolver, got NoneType"),
            ("eigensolver", Multigrid(), TypeError, "expected an instance of Eigensolver, got Multigrid"),
            ("working_pixels", 8, ValueError, "expected an integer of at least 9, got 8"),
            ("working_pixels", "default", TypeError, "expected an integer, got str"),
            ("working_pixels", 640.0 * 480, TypeError, "expected an integer, got float"),
        ],
    )
    def test_raises_at_once_and_names_the_setting(
        self, setting: str, value: object, kind: type[Exception], said: str
    ) -> None:
        given: dict[str, Any] = {setting: value}
        pattern = rf"\A{setting}: {re.escape(said)}[^\n]*\Z"
        with pytest.raises(kind, match=pattern):
            Settings(**given)
        with pytest.raises(kind, match=pattern):
            replace(PUBLISHED, **given)

    @pytest.mark.usefixtures("unhooked")
    def test_raises_before_any_work(self, image: np.ndarray) -> None:
        for given in ({"working_pixels": 8}, {"eigensolver": "Multigrid()"}, {"eigensolver": "lobpcg"}):
            with pytest.raises(ValueError, match=rf"\A{next(iter(given))}: [^\n]*\Z"):
                segment(image, progress=pytest.fail, **QUICK | given)
        with pytest.raises(TypeError, match=r"\Asettings: expected an instance of Settings, got dict\Z"):
            segment(image, settings={"sample": 100}, progress=pytest.fail, **QUICK)


class TestValues:
    def test_what_is_left_out_has_its_default(self) -> None:
        assert Settings() == DEFAULT
        assert (DEFAULT.eigensolver, DEFAULT.preconditioner) == (LOBPCG(), PixelBlocks())
        assert DEFAULT.working_pixels == WORKING_PIXELS == 320 * 240

    def test_the_published_ones(self) -> None:
        assert Settings(ShiftInvert(), None, Unpreconditioned(), None) == PUBLISHED

    def test_the_least_that_fits(self) -> None:
        assert Settings(sample=1, working_pixels=9) == Settings(sample=1, working_pixels=9)

    def test_do_not_change(self) -> None:
        with pytest.raises(FrozenInstanceError):
            DEFAULT.sample = 3  # type: ignore[misc]


class TestWorkingPixels:
    def test_photos_of_more_pixels_are_shrunk(self, image: np.ndarray) -> None:
        result = segment(image, settings=Settings(working_pixels=200), **QUICK)
        assert result.scene.shape == (12, 16)
        assert result.alphas.shape[:2] == (24, 32)

    def test_none_means_never(self, image: np.ndarray) -> None:
        small = Settings(working_pixels=200)
        never = segment(image, working_pixels=None, settings=small, **QUICK)
        assert never.scene.shape == (24, 32)
        also = segment(image, settings=Settings(working_pixels=None), **QUICK)
        np.testing.assert_array_equal(also.alphas, never.alphas)

    def test_a_number_goes_before_the_settings(self, image: np.ndarray) -> None:
        result = segment(image, working_pixels=200, settings=Settings(working_pixels=None), **QUICK)
        assert result.scene.shape == (12, 16)


class TestTexts:
    """Settings and `segment` take an eigensolver, and `segment` an affinity, as what they print."""

    @pytest.mark.parametrize("text", ["ShiftInvert()", "ShiftInvert"])
    def test_an_eigensolver_of_the_settings(self, text: str) -> None:
        by_text = Settings(eigensolver=text)
        assert by_text == Settings(ShiftInvert())
        assert by_text.eigensolver == ShiftInvert()
        assert hash(by_text) == hash(Settings(ShiftInvert()))
        assert replace(PUBLISHED, eigensolver="LOBPCG(tol=1e-4)").eigensolver == LOBPCG(tol=1e-4)

    def test_all_ways_refuse_a_text_alike(self, image: np.ndarray) -> None:
        said = set()
        for refused in (
            lambda text: Settings(eigensolver=text),
            lambda text: segment(image, eigensolver=text, **QUICK),
            lambda text: spectral_matting(image, eigensolver=text),
            Eigensolver.parse,
        ):
            with pytest.raises(ValueError, match=r"\Aeigensolver: [^\n]*\Z") as caught:
                refused("Nonsense()")
            said.add(str(caught.value))
        assert len(said) == 1

    def test_an_eigensolver(self, image: np.ndarray) -> None:
        by_name = segment(image, eigensolver="ShiftInvert()", **QUICK)
        np.testing.assert_array_equal(
            by_name.eigenpairs.values, segment(image, eigensolver=ShiftInvert(), **QUICK).eigenpairs.values
        )

    def test_an_affinity(self, image: np.ndarray) -> None:
        by_name = segment(image, affinity="MattingAffinity()", **QUICK)
        assert by_name.affinity == MattingAffinity()
        np.testing.assert_array_equal(
            by_name.alphas, segment(image, affinity=MattingAffinity(), **QUICK).alphas
        )
