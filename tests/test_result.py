"""What `SoftSegmentation` holds, what it makes when asked, and what follows it into a file and back."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from tests.results import Make

from softseg import Laplacian, LayerStack, MattingAffinity, SoftSegmentation
from softseg.layers import layer_colors, select


@pytest.fixture
def result(make_segmentation: Make) -> SoftSegmentation:
    return make_segmentation(12, 17, 3)


class CountingAffinity(MattingAffinity):
    """Counts how many Laplacians are made of it."""

    made = 0

    def laplacian(self, scene):  # type: ignore[no-untyped-def]
        type(self).made += 1
        return super().laplacian(scene)


class TestLaplacian:
    def test_a_given_one_is_taken_as_it_is(self, result: SoftSegmentation) -> None:
        laplacian = MattingAffinity(epsilon=1e-3).laplacian(result.scene)
        assert replace(result, given_laplacian=laplacian).laplacian is laplacian

    def test_a_given_one_needs_no_affinity(self, result: SoftSegmentation) -> None:
        laplacian = result.laplacian
        assert replace(result, affinity=None, given_laplacian=laplacian).laplacian is laplacian

    def test_is_made_of_the_affinity_once(
        self, result: SoftSegmentation, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(CountingAffinity, "made", 0)
        again = replace(result, affinity=CountingAffinity())
        assert CountingAffinity.made == 0
        assert isinstance(again.laplacian, Laplacian)
        assert again.laplacian is again.laplacian
        assert CountingAffinity.made == 1
        assert again.laplacian.shape == result.scene.shape
        difference = again.laplacian.matrix - MattingAffinity().laplacian(result.scene).matrix
        assert abs(difference).max() == 0

    def test_is_not_known_without_either(self, result: SoftSegmentation) -> None:
        unknown = replace(result, affinity=None)
        message = r"\Aaffinity: not known; give the one the layers were made with to load\(\)\Z"
        with pytest.raises(ValueError, match=message):
            unknown.laplacian  # noqa: B018
        with pytest.raises(ValueError, match=message):
            unknown.propagate(np.ones((12, 17), int), [1.0])


class TestReplace:
    def test_keeps_given_colors_out(self, result: SoftSegmentation) -> None:
        flipped = replace(result, alphas=result.alphas[:, :, ::-1])
        np.testing.assert_array_equal(flipped.colors, layer_colors(result.image, result.alphas[:, :, ::-1]))

    def test_keeps_a_given_laplacian_out(self, result: SoftSegmentation) -> None:
        given = replace(result, given_laplacian=result.laplacian)
        other = replace(given, affinity=MattingAffinity(epsilon=1e-1))
        expected = MattingAffinity(epsilon=1e-1).laplacian(result.scene)
        assert abs(other.laplacian.matrix - expected.matrix).max() == 0
        assert abs(other.laplacian.matrix - given.laplacian.matrix).max() > 0

    def test_keeps_all_else(self, result: SoftSegmentation) -> None:
        other = replace(result, timings={})
        assert other.timings == {}
        for name in ("image", "alphas", "scene", "affinity", "eigenpairs", "initial_alphas"):
            assert getattr(other, name) is getattr(result, name)


class TestEdit:
    def test_keeps_what_belongs_to_the_photo(self, result: SoftSegmentation) -> None:
        edited = result.edit(1, lambda colors: 1 - colors)
        assert type(edited) is SoftSegmentation
        for name in ("alphas", "scene", "affinity", "eigenpairs", "initial_alphas", "timings"):
            assert getattr(edited, name) is getattr(result, name)
        assert edited.order == result.order
        assert abs(edited.laplacian.matrix - result.laplacian.matrix).max() == 0


def test_is_a_stack_of_layers(result: SoftSegmentation) -> None:
    assert isinstance(result, LayerStack)
    assert repr(result).startswith("<SoftSegmentation: 3 layers of 17x12 pixels, from back to front\n")


def test_features_and_superpixels_are_the_scenes(result: SoftSegmentation) -> None:
    assert result.features is result.scene.features
    assert result.superpixels is result.scene.superpixels


class TestFiles:
    def test_what_is_saved_is_loaded(self, tmp_path: Path, result: SoftSegmentation) -> None:
        result.save(tmp_path / "out.npz")
        loaded = SoftSegmentation.load(tmp_path / "out.npz")
        assert type(loaded) is SoftSegmentation
        for name in ("image", "features", "superpixels"):
            np.testing.assert_array_equal(getattr(loaded, name), getattr(result, name))
        np.testing.assert_allclose(loaded.alphas, result.alphas, rtol=0, atol=3e-5)  # stored in 16 bits
        np.testing.assert_allclose(loaded.colors, result.colors, rtol=0, atol=0.5 / 255 + 1e-6)
        assert loaded.affinity == result.affinity
        assert abs(loaded.laplacian.matrix - result.laplacian.matrix).max() == 0
        assert loaded.timings == result.timings

    def test_the_caller_may_know_the_affinity_better(self, tmp_path: Path, result: SoftSegmentation) -> None:
        result.save(str(tmp_path / "out.npz"))
        affinity = MattingAffinity(epsilon=1e-3)
        assert SoftSegmentation.load(str(tmp_path / "out.npz"), affinity).affinity is affinity

    def test_options_are_the_formats(self, tmp_path: Path, result: SoftSegmentation) -> None:
        result.save(tmp_path / "out.json", file_name="beach.png")
        assert '"file_name": "beach.png"' in (tmp_path / "out.json").read_text()

    def test_a_folder_gets_the_layers(self, tmp_path: Path, result: SoftSegmentation) -> None:
        result.save(tmp_path / "layers")
        assert sorted(path.name for path in (tmp_path / "layers").iterdir()) == [
            "layer_1.png",
            "layer_2.png",
            "layer_3.png",
        ]


def test_the_methods_are_the_functions(result: SoftSegmentation) -> None:
    np.testing.assert_array_equal(result.select(point=(8, 6)), select(result, point=(8, 6)))
