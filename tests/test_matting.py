"""Natural image matting, against dense algebra, PyMatting and a known matte."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from scipy import ndimage, sparse
from skimage.data import coffee, retina
from skimage.transform import resize

import softseg.matting
from softseg import Affinity, ColorAffinity, MattingAffinity, Scene, SemanticAffinity
from softseg.matting import matte

THREE = MattingAffinity() + 0.01 * SemanticAffinity() + 0.01 * ColorAffinity()


@dataclass(frozen=True)
class Links(Affinity):
    """Given affinities between given pairs of pixels."""

    pairs: tuple[tuple[int, int], ...]
    weight: float

    def matrix(self, scene: Scene) -> sparse.csr_array:
        n = scene.shape[0] * scene.shape[1]
        a, b = np.array(self.pairs).T
        upper = sparse.coo_array((np.full(len(a), self.weight), (a, b)), shape=(n, n))
        return sparse.csr_array(upper + upper.T)


@pytest.fixture
def trimap() -> np.ndarray:
    """Return one for the disk of the small scene: known deep inside and far outside."""
    y, x = np.mgrid[:13, :18]
    distance = np.hypot(y - 0.45 * 13, x - 0.4 * 18)
    return np.where(distance < 2, 1.0, np.where(distance > 6, 0.0, 0.5))


def dense_matte(scene: Scene, trimap: np.ndarray, affinity: Affinity) -> np.ndarray:
    """Return alphas by dense algebra, with repelling links between far pixels left out."""
    weights, width = affinity.matrix(scene).toarray(), scene.shape[1]
    y, x = np.divmod(np.arange(trimap.size), width)
    far = np.maximum(abs(y[:, None] - y), abs(x[:, None] - x)) > 2
    weights[far & (weights < 0)] = 0
    laplacian = np.diag(weights.sum(axis=1)) - weights
    alphas = trimap.ravel().copy()
    free = alphas == 0.5
    alphas[free] = np.linalg.solve(
        laplacian[np.ix_(free, free)], -laplacian[np.ix_(free, ~free)] @ alphas[~free]
    )
    return alphas.clip(0, 1).reshape(trimap.shape)


@pytest.fixture(scope="module")
def photo() -> tuple[np.ndarray, np.ndarray]:
    """Return a retina before a cup of coffee, and its mask, softly cut out: (96, 128)."""
    y, x = np.mgrid[:96, :128]
    mask = np.clip((30 - np.hypot(y - 48, x - 60)) / 6, 0, 1)
    mask = ndimage.gaussian_filter(mask, 1)
    front = resize(retina()[400:1000, 300:1100], (96, 128), anti_aliasing=True)
    behind = resize(coffee(), (96, 128), anti_aliasing=True)
    return mask[..., None] * front + (1 - mask[..., None]) * behind, mask


def cut(mask: np.ndarray, margin: int) -> np.ndarray:
    inside = ndimage.binary_erosion(mask > 0.99, iterations=margin)
    outside = ~ndimage.binary_dilation(mask > 0.01, iterations=margin)
    return np.where(inside, 1.0, np.where(outside, 0.0, 0.5))


@pytest.mark.parametrize("most_direct", [0, 10**9], ids=["on the grid", "directly"])
@pytest.mark.parametrize("affinity", [MattingAffinity(), THREE], ids=["matting term", "three terms"])
def test_agrees_with_dense_algebra(
    monkeypatch: pytest.MonkeyPatch, scene: Scene, trimap: np.ndarray, affinity: Affinity, most_direct: int
) -> None:
    monkeypatch.setattr(softseg.matting, "MOST_DIRECT", most_direct)
    alphas = matte(scene, trimap, affinity)
    assert alphas.dtype == np.float32
    expected = dense_matte(scene, trimap, affinity)
    assert np.ptp(expected[trimap == 0.5]) > 0.5
    np.testing.assert_allclose(alphas, expected, rtol=0, atol=1e-5)


def test_far_repelling_links_count_for_nothing_and_attracting_ones_count(
    scene: Scene, trimap: np.ndarray
) -> None:
    free = np.flatnonzero(trimap == 0.5)
    links = ((int(free[0]), int(free[-1])), (int(free[3]), int(free[-20])))
    plain = matte(scene, trimap, MattingAffinity())
    np.testing.assert_array_equal(matte(scene, trimap, MattingAffinity() + Links(links, -5.0)), plain)
    attracted = matte(scene, trimap, MattingAffinity() + Links(links, 500.0)).ravel()
    for a, b in links:
        assert abs(attracted[a] - attracted[b]) < 0.01


def test_default_is_the_three_terms(scene: Scene, trimap: np.ndarray) -> None:
    default = matte(scene, trimap)
    np.testing.assert_array_equal(default, matte(scene, trimap, THREE))
    assert np.abs(default - matte(scene, trimap, MattingAffinity())).max() > 1e-4


class TestAgainstAKnownMatte:
    @pytest.mark.parametrize("margin", [3, 8])
    def test_as_accurate_as_pymatting_with_the_matting_term_alone(
        self, photo: tuple[np.ndarray, np.ndarray], margin: int
    ) -> None:
        pymatting = pytest.importorskip("pymatting")
        image, mask = photo
        trimap = cut(mask, margin)
        theirs = pymatting.estimate_alpha_cf(image, trimap, laplacian_kwargs={"epsilon": 1e-7})
        ours = matte(image, trimap, MattingAffinity(epsilon=1e-7))
        np.testing.assert_allclose(ours, theirs, rtol=0, atol=1e-3)  # the same equations
        assert error(ours, photo, trimap) <= 1.0001 * error(theirs, photo, trimap)

    def test_more_accurate_with_three_terms(self, photo: tuple[np.ndarray, np.ndarray]) -> None:
        image, mask = photo
        trimap = cut(mask, 8)
        scene = Scene(image, features=image)
        assert error(matte(scene, trimap), photo, trimap) < 0.9 * error(
            matte(scene, trimap, MattingAffinity()), photo, trimap
        )


def error(alphas: np.ndarray, photo: tuple[np.ndarray, np.ndarray], trimap: np.ndarray) -> float:
    return float(((alphas - photo[1])[trimap == 0.5] ** 2).mean())


class TestTrimaps:
    def test_known_pixels_stay(self, scene: Scene, trimap: np.ndarray) -> None:
        alphas = matte(scene, trimap, MattingAffinity())
        np.testing.assert_array_equal(alphas[trimap != 0.5], trimap[trimap != 0.5])

    def test_nothing_unknown(self, scene: Scene, trimap: np.ndarray) -> None:
        trimap = np.round(trimap + 0.1)
        np.testing.assert_array_equal(matte(scene, trimap), trimap)

    def test_files_bytes_and_floats_mean_the_same(
        self, tmp_path: Path, scene: Scene, trimap: np.ndarray
    ) -> None:
        wanted = matte(scene, trimap, MattingAffinity())
        grey = np.rint(255 * trimap).astype(np.uint8)
        Image.fromarray(grey).save(tmp_path / "trimap.png")
        for same in (grey, Image.fromarray(grey), tmp_path / "trimap.png", trimap.astype(np.float32)):
            np.testing.assert_array_equal(matte(scene, same, MattingAffinity()), wanted)

    def test_nearly_white_is_white(self, scene: Scene, trimap: np.ndarray) -> None:
        blurred = np.where(trimap == 0.5, 0.3, 0.04 + 0.92 * trimap)
        np.testing.assert_array_equal(
            matte(scene, blurred, MattingAffinity()), matte(scene, trimap, MattingAffinity())
        )

    @pytest.mark.parametrize(
        ("change", "error", "message"),
        [
            (lambda t: t[1:], ValueError, "trimap: expected shape \\(13, 18\\)"),
            (lambda t: np.maximum(t, 0.5), ValueError, "trimap: expected some background"),
            (lambda t: np.minimum(t, 0.5), ValueError, "trimap: expected some foreground"),
            (lambda t: 255 * t, ValueError, "trimap: expected floats in"),
            (lambda t: np.where(t == 0.5, np.nan, t), ValueError, "trimap: expected floats in"),
            (lambda t: t.astype(int), TypeError, "trimap: expected uint8, or floats"),
            (lambda t: "nowhere.png", FileNotFoundError, "trimap: no such file"),
        ],
    )
    def test_errors(
        self,
        scene: Scene,
        trimap: np.ndarray,
        change: Callable[[np.ndarray], object],
        error: type[Exception],
        message: str,
    ) -> None:
        with pytest.raises(error, match=message):
            matte(scene, change(trimap))


@pytest.mark.parametrize("most_direct", [0, 10**9], ids=["on the grid", "directly"])
@pytest.mark.parametrize(
    "affinity",
    [MattingAffinity() + Links(((110, 111),), -50.0), Links(((0, 1),), 1.0)],
    ids=["near repulsion", "no links"],
)
def test_no_least_energy(
    monkeypatch: pytest.MonkeyPatch, scene: Scene, trimap: np.ndarray, affinity: Affinity, most_direct: int
) -> None:
    monkeypatch.setattr(softseg.matting, "MOST_DIRECT", most_direct)
    assert trimap.ravel()[[110, 111]].tolist() == [0.5, 0.5]
    with pytest.raises(ValueError, match="affinity: no one matte has the least energy"):
        matte(scene, trimap, affinity)


def test_not_an_affinity(unhooked: None, scene: Scene, trimap: np.ndarray) -> None:
    with pytest.raises(TypeError, match="affinity: expected an instance of Affinity"):
        matte(scene, trimap, 0.01)  # type: ignore[arg-type]


def test_many_unknown_pixels_far_from_the_known_ones() -> None:
    # The smallest eigenvalue is so small that single precision would call the system indefinite.
    rows, columns = np.mgrid[:50, :70]
    tile = np.stack([(rows + columns) % 50 / 50, rows / 50, np.where(columns < 30, 0.2, 0.8)], axis=2)
    image = np.tile(tile, (4, 3, 1))
    trimap = np.full(image.shape[:2], 0.5)
    trimap[:, 0], trimap[:, -1] = 1, 0
    alphas = matte(image, trimap, MattingAffinity())
    assert np.isfinite(alphas).all()
    assert alphas[:, 1].mean() > 0.9
    assert alphas[:, -2].mean() < 0.1
