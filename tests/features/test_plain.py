"""Plain regions get the same features, and photographs keep theirs."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image
from skimage.data import astronaut
from skimage.transform import resize

from softseg import Scene, segment
from softseg.features.plain import level_plain_regions


def drawing(height: int, width: int) -> tuple[np.ndarray, np.ndarray]:
    """Return a drawing of four colors in five regions, and the number of each pixel's color."""
    y, x = np.mgrid[:height, :width]
    colors = np.where(y < 2 * height // 3, 0, 1)
    colors[(y - height // 4) ** 2 + (x - width // 4) ** 2 < (height // 6) ** 2] = 2
    colors[height // 2 : 5 * height // 6, width // 2 : 5 * width // 6] = 3
    colors[: height // 5, -width // 5 :] = 2  # the same color once more, elsewhere
    return np.array([[0.4, 0.7, 1], [0.2, 0.6, 0.2], [1, 0.9, 0.1], [0.7, 0.2, 0.1]])[colors], colors


def test_each_color_gets_its_mean(rng: np.random.Generator) -> None:
    image, colors = drawing(45, 62)
    features = rng.random((45, 62, 3)).astype(np.float32)
    leveled = level_plain_regions(features, image)
    for color in range(4):
        expected = np.broadcast_to(features[colors == color].mean(axis=0), leveled[colors == color].shape)
        np.testing.assert_allclose(leveled[colors == color], expected, atol=1e-6)  # float32


def test_small_regions_keep_their_features(rng: np.random.Generator) -> None:
    image, features = np.zeros((40, 50, 3)), rng.random((40, 50, 3)).astype(np.float32)
    image[10:14, 10:14] = 1  # 0.8 % of the photo
    leveled = level_plain_regions(features, image)
    np.testing.assert_array_equal(leveled[10:14, 10:14], features[10:14, 10:14])
    assert len(np.unique(leveled[image[..., 0] == 0], axis=0)) == 1


def test_a_photograph_keeps_its_features(rng: np.random.Generator) -> None:
    image = resize(astronaut(), (120, 160), anti_aliasing=True)  # 8 % of it are shadows cut off at black
    features = rng.random((120, 160, 3)).astype(np.float32)
    assert level_plain_regions(features, image) is features


def test_an_edge_goes_with_the_nearer_color_and_an_outline_with_neither(rng: np.random.Generator) -> None:
    image, features = np.zeros((30, 40, 3)), rng.random((30, 40, 3)).astype(np.float32)
    image[:, 20:] = 1, 0.9, 0
    image[:11, 19], image[:11, 20] = (0.3, 0.27, 0), (0.8, 0.72, 0)  # softened
    image[15:, 19:21] = 0, 0, 1  # outlined, in two shades, which are too small to be plain
    image[15::2, 19], image[16::2, 20] = (0, 0, 0.9), (0, 0, 0.9)
    leveled = level_plain_regions(features, image)
    np.testing.assert_array_equal(leveled[:11, 19], leveled[:11, 0])
    np.testing.assert_array_equal(leveled[:11, 20], leveled[:11, -1])
    np.testing.assert_array_equal(leveled[15:, 19:21], features[15:, 19:21])


@pytest.mark.parametrize("features", ["low-level", None], ids=["low-level", "network"])
class TestLayers:
    def count(self, image: np.ndarray, features: str | None, expected: int) -> np.ndarray:
        with pytest.warns(UserWarning, match=f"only {expected} came out"):
            alphas = segment(image, features=features).alphas
        assert alphas.shape[2] == expected
        return alphas

    def test_half_black_half_white(self, features: str | None) -> None:
        image = np.zeros((40, 60, 3))
        image[:, 30:] = 1
        alphas = self.count(image, features, 2)
        sides = np.sort(alphas.reshape(-1, 60, 2).mean(axis=0), axis=1)[:, 1]
        assert sides.min() > 0.98

    def test_a_drawing_has_a_layer_for_each_color(self, features: str | None) -> None:
        image, colors = drawing(60, 80)
        alphas = self.count(image, features, 4)
        overlap = [[alphas[colors == color, k].mean() for k in range(4)] for color in range(4)]
        assert np.sort(overlap, axis=1)[:, -1].min() > 0.95
        assert len(set(np.argmax(overlap, axis=1))) == 4

    def test_soft_edges_make_no_layers(self, features: str | None) -> None:
        large = Image.fromarray(np.rint(255 * drawing(240, 320)[0]).astype(np.uint8))
        self.count(np.asarray(large.resize((80, 60), Image.Resampling.LANCZOS)), features, 4)

    def test_both_bars_of_a_letterbox_are_one_layer(self, features: str | None) -> None:
        image = np.zeros((80, 90, 3))
        image[12:-12] = resize(astronaut(), (56, 90), anti_aliasing=True)
        alphas = segment(image, features=features, n_initial=12).alphas
        owners = alphas[[2, -3]].mean(axis=1)
        assert owners.max(axis=1).min() > 0.95
        assert owners[0].argmax() == owners[1].argmax()


def test_given_features_are_left_alone(rng: np.random.Generator) -> None:
    image, features = drawing(45, 62)[0], rng.random((45, 62, 3))
    np.testing.assert_array_equal(Scene(image, features=features).features, features)
