"""Natural image matting, against dense algebra, PyMatting and a known matte."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from scipy import ndimage, sparse
from skimage.data import astronaut, coffee, retina
from skimage.transform import resize

import softseg.matting
from softseg import Affinity, ColorAffinity, MattingAffinity, Scene, SemanticAffinity
from softseg.affinity import Sum
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
    """Return alphas by dense algebra, with repelling links between superpixels left out."""
    terms = affinity.terms if isinstance(affinity, Sum) else (affinity,)
    matrices = [(term, term.matrix(scene).toarray()) for term in terms]
    weights = sum(w if isinstance(term, MattingAffinity) else np.maximum(w, 0) for term, w in matrices)
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


@pytest.mark.parametrize("near", [False, True])
def test_repelling_links_count_for_nothing_and_attracting_ones_count(
    scene: Scene, trimap: np.ndarray, near: bool
) -> None:
    free = np.flatnonzero(trimap == 0.5)
    far = ((int(free[0]), int(free[-1])), (int(free[3]), int(free[-20])))
    links = ((110, 111),) if near else far
    assert trimap.ravel()[[110, 111]].tolist() == [0.5, 0.5]
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

    @pytest.mark.parametrize("dtype", [np.uint8, np.int64, np.uint16, np.float32, np.float64])
    @pytest.mark.parametrize("levels", [(0, 1, 2), (0, 128, 255), (0, 127, 254), (0, 32768, 65535)])
    def test_whole_numbers_are_read_as_what_they_are(
        self, scene: Scene, trimap: np.ndarray, levels: tuple[int, ...], dtype: type
    ) -> None:
        if levels[-1] > 255 and dtype is np.uint8:
            return
        numbers = np.array(levels, dtype)[np.rint(2 * trimap).astype(int)]
        wanted = matte(scene, trimap, MattingAffinity())
        np.testing.assert_array_equal(matte(scene, numbers, MattingAffinity()), wanted)
        gray = np.repeat(numbers[..., None], 3, axis=2)
        np.testing.assert_array_equal(matte(scene, gray, MattingAffinity()), wanted)

    @pytest.mark.parametrize("dtype", [bool, np.uint8, np.int64, np.float32])
    def test_a_mask_leaves_nothing_unknown(self, scene: Scene, trimap: np.ndarray, dtype: type) -> None:
        np.testing.assert_array_equal(matte(scene, (trimap == 1).astype(dtype)), trimap == 1)

    def test_a_picture_of_numbers(self, tmp_path: Path, scene: Scene, trimap: np.ndarray) -> None:
        Image.fromarray((2 * trimap).astype(np.uint8)).save(tmp_path / "labels.png")
        np.testing.assert_array_equal(
            matte(scene, tmp_path / "labels.png", MattingAffinity()), matte(scene, trimap, MattingAffinity())
        )

    def test_rounding_beyond_one(self, scene: Scene, trimap: np.ndarray) -> None:
        np.testing.assert_array_equal(
            matte(scene, trimap * (1 + 1e-7) - 1e-8, MattingAffinity()),
            matte(scene, trimap, MattingAffinity()),
        )

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
            (lambda t: 1.5 * t, ValueError, "trimap: cannot tell what its numbers from 0 to 1.5 mean"),
            (lambda t: 2 * t - 1, ValueError, "trimap: cannot tell what its numbers from -1 to 1 mean"),
            (
                lambda t: (2 * t).astype(int) + 1,
                ValueError,
                "trimap: cannot tell what its numbers from 1 to 3",
            ),
            (lambda t: np.where(t == 0.5, np.nan, t), ValueError, "trimap: expected finite numbers"),
            (lambda t: t.astype(str), TypeError, "trimap: expected numbers"),
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
def test_pixels_without_links_are_counted(
    monkeypatch: pytest.MonkeyPatch, scene: Scene, trimap: np.ndarray, most_direct: int
) -> None:
    monkeypatch.setattr(softseg.matting, "MOST_DIRECT", most_direct)
    unknown = int((trimap == 0.5).sum())
    with pytest.raises(
        ValueError, match=f"affinity: links {unknown} of {unknown} unknown pixels to no pixel"
    ):
        matte(scene, trimap, Links(((110, 111),), 1.0))


PHOTOS = {
    "astronaut": lambda h, w: resize(astronaut(), (h, w), anti_aliasing=True),
    "noise": lambda h, w: np.random.default_rng(0).random((h, w, 3)),
    "constant": lambda h, w: np.full((h, w, 3), 0.3),
    "gradient": lambda h, w: np.mgrid[:h, :w, :1, :3][1][:, :, 0] / (w - 1),
    "two colors": lambda h, w: (
        np.where(np.arange(w)[None, :, None] < w // 2, (0.0, 0, 0), (1, 0.5, 0)) * np.ones((h, 1, 1))
    ),
    "checkers": lambda h, w: np.repeat(np.indices((h, w)).sum(0)[..., None] % 2.0, 3, axis=2),
}


@pytest.mark.parametrize("shape", [(3, 3), (3, 50), (4, 5), (8, 8), (24, 32), (48, 48), (96, 96)])
@pytest.mark.parametrize("photo", PHOTOS)
def test_small_photos_have_a_matte(shape: tuple[int, int], photo: str) -> None:
    # Superpixels are one to three pixels wide here, and repel each other from one pixel to the next.
    image = PHOTOS[photo](*shape)
    scene = Scene(image, features=image)
    height, width = shape
    one, border = np.full(shape, 0.5), np.zeros(shape)
    one[0, 0], one[height // 2, width // 2] = 0, 1
    border[1:-1, 1:-1], border[height // 2, width // 2] = 0.5, 1
    for trimap in (one, border):
        alphas = matte(scene, trimap)
        assert np.isfinite(alphas).all()
        np.testing.assert_array_equal(alphas[trimap != 0.5], trimap[trimap != 0.5])


def test_what_the_iteration_cannot_solve_is_solved_directly(
    monkeypatch: pytest.MonkeyPatch, scene: Scene, trimap: np.ndarray
) -> None:
    def give_up(*_: object) -> np.ndarray:
        raise np.linalg.LinAlgError("no convergence")

    direct = matte(scene, trimap)
    monkeypatch.setattr(softseg.matting, "MOST_DIRECT", 0)
    monkeypatch.setattr(softseg.matting, "solve_on_grid", give_up)
    np.testing.assert_array_equal(matte(scene, trimap), direct)


@pytest.mark.parametrize("weight", [1e-12, 1e6, 1e12])
def test_rounding_does_not_stop_it(scene: Scene, trimap: np.ndarray, weight: float) -> None:
    # Weights so large that the matting term's smallest eigenvalues drown in rounding, and so small.
    links = Links(tuple((i, 233 - i) for i in range(0, 110, 2)), weight)
    for affinity in (MattingAffinity(1e-12) + links, weight * MattingAffinity()):
        alphas = matte(scene, trimap, affinity)
        assert alphas.min() == 0
        assert alphas.max() == 1


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
