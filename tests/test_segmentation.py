"""The whole: what `segment` promises of its result, its repeatability, its arguments and simple images."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy import sparse

from softseg import (
    PUBLISHED,
    Affinity,
    ColorAffinity,
    MattingAffinity,
    Scene,
    SemanticAffinity,
    SoftSegmentation,
    segment,
    spectral_matting,
)
from softseg.eigen import LOBPCG, ShiftInvert
from softseg.features import FeatureExtractor, get, preprocess
from softseg.sparsify import constrained, group, initial_clusters, project_to_simplex, relaxed

QUICK: dict[str, Any] = {"n_eigenvectors": 20, "n_initial": 8, "n_layers": 3}
STAGES = ["features", "superpixels", "Laplacian", "eigenvectors", "constrained", "relaxed"]


@pytest.fixture(scope="module")
def image() -> np.ndarray:
    """Return a photo of more than 1000 pixels, so that the default eigensolver iterates."""
    return scene_image(31, 42)


@pytest.fixture(scope="module")
def tiny() -> np.ndarray:
    return scene_image(13, 18)


def scene_image(height: int, width: int) -> np.ndarray:
    rng = np.random.default_rng(11)
    y, x = np.mgrid[:height, :width]
    disk = (y - 0.45 * height) ** 2 + (x - 0.4 * width) ** 2 < (0.3 * height) ** 2
    ground = np.where((y < 0.7 * height)[:, :, None], (0.3, 0.5, 0.8), (0.2, 0.5, 0.2))
    image = np.where(disk[:, :, None], (0.8, 0.4, 0.2), ground) + rng.normal(0, 0.02, (height, width, 3))
    return np.clip(image, 0, 1)


def check_alphas(result: SoftSegmentation, shape: tuple[int, int]) -> None:
    alphas = result.alphas
    assert alphas.shape[:2] == shape
    assert alphas.dtype == np.float32
    assert alphas.min() >= 0
    assert alphas.max() <= 1
    np.testing.assert_allclose(alphas.sum(axis=2, dtype=np.float64), 1, rtol=0, atol=1e-5)


def same_bits(a: SoftSegmentation, b: SoftSegmentation) -> bool:
    return all(
        np.array_equal(getattr(a, name), getattr(b, name))
        for name in ("alphas", "initial_alphas", "features")
    ) and np.array_equal(a.eigenpairs.vectors, b.eigenpairs.vectors)


@pytest.fixture(scope="module")
def result(image: np.ndarray) -> SoftSegmentation:
    return segment(image, **QUICK)


class TestResult:
    def test_alphas_share_each_pixel(self, result: SoftSegmentation) -> None:
        check_alphas(result, (31, 42))
        assert result.alphas.shape[2] == 3
        assert (result.alphas.max(axis=(0, 1)) > 0.9).all()  # every layer shows somewhere

    def test_layers_follow_the_regions(self, result: SoftSegmentation) -> None:
        # Sky, lawn and disk at places well inside of them.
        owners = {int(result.alphas[y, x].argmax()) for y, x in ((2, 38), (28, 5), (14, 17))}
        assert len(owners) == 3

    def test_colours_and_alphas_give_the_photo_back(
        self, result: SoftSegmentation, image: np.ndarray
    ) -> None:
        assert result.colors.shape == (31, 42, 3, 3)
        assert result.colors.dtype == np.float32
        composed = (result.alphas[..., None] * result.colors).sum(axis=2)
        np.testing.assert_allclose(composed, image, rtol=0, atol=2e-5)  # float32, and the alphas' 1e-5

    def test_rgba_is_layer_by_layer(self, result: SoftSegmentation) -> None:
        assert result.rgba.shape == (3, 31, 42, 4)
        np.testing.assert_array_equal(result.rgba[1, :, :, 3], result.alphas[:, :, 1])
        np.testing.assert_array_equal(result.rgba[1, :, :, :3], result.colors[:, :, 1])

    def test_everything_in_between_is_kept(self, result: SoftSegmentation, image: np.ndarray) -> None:
        np.testing.assert_array_equal(result.image, image)
        assert result.features.shape == (31, 42, 3)
        assert result.superpixels.shape == (31, 42)
        assert result.laplacian.shape == (31, 42)
        assert result.eigenpairs.values.shape == (20,)
        assert result.eigenpairs.converged
        assert result.initial_alphas.shape[:2] == (31, 42)
        assert 3 <= result.initial_alphas.shape[2] <= 8
        assert list(result.timings) == STAGES
        assert all(seconds >= 0 for seconds in result.timings.values())
        assert repr(result).startswith("<SoftSegmentation: 3 layers of 42x31 pixels")

    def test_saves_by_suffix(self, result: SoftSegmentation, tmp_path: Path) -> None:
        result.save(tmp_path / "out.npz")
        loaded = SoftSegmentation.load(tmp_path / "out.npz")
        np.testing.assert_allclose(loaded.alphas, result.alphas, rtol=0, atol=3e-5)  # stored in 16 bits
        result.save(tmp_path / "layers")
        assert len(list((tmp_path / "layers").glob("*.png"))) == 3


class TestRepeatability:
    def test_same_bits_whatever_the_global_state_which_is_left_alone(self, image: np.ndarray) -> None:
        results = []
        for callers_seed in (1, 2):
            np.random.seed(callers_seed)  # noqa: NPY002
            results.append(segment(image, rng=5, **QUICK))
            left = np.random.random()  # noqa: NPY002
            np.random.seed(callers_seed)  # noqa: NPY002
            assert left == np.random.random()  # noqa: NPY002
        assert same_bits(*results)

    def test_default_is_a_fixed_seed(self, tiny: np.ndarray) -> None:
        assert same_bits(segment(tiny, **QUICK), segment(tiny, rng=None, **QUICK))

    def test_generators_of_one_seed_agree(self, tiny: np.ndarray) -> None:
        assert same_bits(*(segment(tiny, rng=np.random.default_rng(4), **QUICK) for _ in range(2)))

    @pytest.mark.parametrize("rng", [np.int64(2), 2**40])
    def test_any_seed_will_do(self, tiny: np.ndarray, rng: int) -> None:
        check_alphas(segment(tiny, rng=rng, **QUICK), (13, 18))

    def test_kinds_of_input_agree(self, tiny: np.ndarray, tmp_path: Path) -> None:
        from PIL import Image

        bytes_ = (255 * tiny).round().astype(np.uint8)
        Image.fromarray(bytes_).save(tmp_path / "photo.png")
        from_bytes = segment(bytes_, **QUICK)
        for same in (
            bytes_ / 255,
            tmp_path / "photo.png",
            str(tmp_path / "photo.png"),
            Image.fromarray(bytes_),
        ):
            assert same_bits(from_bytes, segment(same, **QUICK))

    @pytest.mark.parametrize("rng", [None, 7])
    def test_the_stages_by_hand_give_the_same_bits(self, image: np.ndarray, rng: int | None) -> None:
        scene = Scene(image)
        affinity = MattingAffinity() + 0.01 * SemanticAffinity() + 0.01 * ColorAffinity()
        laplacian = affinity.laplacian(scene)
        pairs = LOBPCG().solve(laplacian, k=30, rng=rng)
        initial = constrained(pairs, initial_clusters(scene.features, 10, rng=rng))
        grouped = group(initial, scene.features, n_layers=3, rng=rng)
        alphas = project_to_simplex(relaxed(grouped, laplacian, image))
        result = segment(image, n_eigenvectors=30, n_initial=10, n_layers=3, rng=rng)
        assert np.array_equal(result.initial_alphas, initial)
        assert np.array_equal(result.alphas, alphas.astype(np.float32))


class Listener:
    def __init__(self, stop_at: str | None = None) -> None:
        self.calls: list[tuple[str, int, int]] = []
        self.stop_at = stop_at

    def __call__(self, stage: str, done: int, total: int) -> None:
        self.calls.append((stage, done, total))
        if stage == self.stop_at:
            raise InterruptedError(stage)


class TestProgress:
    def test_is_told_each_stage_in_order_and_the_end(self, tiny: np.ndarray) -> None:
        listener = Listener()
        segment(tiny, progress=listener, **QUICK)
        assert listener.calls == [*((stage, i, 6) for i, stage in enumerate(STAGES)), ("relaxed", 6, 6)]

    def test_its_exception_stops_the_work(self, tiny: np.ndarray) -> None:
        listener = Listener(stop_at="eigenvectors")
        with pytest.raises(InterruptedError, match="eigenvectors"):
            segment(tiny, progress=listener, **QUICK)
        assert [stage for stage, _, _ in listener.calls] == STAGES[:4]

    def test_true_shows_a_bar(
        self, tiny: np.ndarray, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("FORCE_COLOR", "1")  # what makes rich take any stream for a terminal
        segment(tiny, progress=True, **QUICK)
        assert "relaxed" in capsys.readouterr().err


@dataclass(frozen=True)
class Brightness(FeatureExtractor):
    def extract(self, image: np.ndarray) -> np.ndarray:
        return (4 * image.mean(axis=2, keepdims=True) * np.ones(5)).astype(np.float32)


class TestFeatures:
    def test_by_name_by_extractor_and_as_an_array(self, tiny: np.ndarray) -> None:
        by_default = segment(tiny, **QUICK)
        raw = get("default").extract(tiny)
        for same in ("default", get("default"), raw, preprocess(raw, tiny)):
            assert same_bits(segment(tiny, features=same, **QUICK), by_default)

    def test_of_ones_own_extractor(self, tiny: np.ndarray) -> None:
        result = segment(tiny, features=Brightness(), **QUICK)
        np.testing.assert_array_equal(result.features, preprocess(Brightness().extract(tiny), tiny))

    def test_of_another_size_with_the_same_aspect_ratio(self, tiny: np.ndarray) -> None:
        result = segment(tiny, features=np.random.default_rng(0).random((26, 36, 3)), **QUICK)
        assert result.features.shape == (13, 18, 3)
        check_alphas(result, (13, 18))

    def test_decide_the_layers(self, tiny: np.ndarray) -> None:
        left = np.zeros((13, 18, 3))
        left[:, :9] = 1
        alphas = segment(
            tiny, features=left, affinity=SemanticAffinity() + 1e-3 * MattingAffinity(), n_layers=2
        ).alphas
        means = alphas[:, 2:7].mean(axis=(0, 1)), alphas[:, 11:16].mean(axis=(0, 1))
        assert means[0].argmax() != means[1].argmax()


class TestSuperpixels:
    def test_any_integers(self, tiny: np.ndarray) -> None:
        labels = Scene(tiny).superpixels
        by_default = segment(tiny, **QUICK)
        for same in (labels, (3 * labels - 50).astype(np.int8), labels.astype(np.uint64).tolist()):
            result = segment(tiny, superpixels=same, **QUICK)
            assert same_bits(result, by_default)
            np.testing.assert_array_equal(result.superpixels, labels)

    def test_one_for_all(self, tiny: np.ndarray) -> None:
        result = segment(tiny, superpixels=np.full((13, 18), -3), **QUICK)
        assert result.laplacian.matrix.nnz <= MattingAffinity().matrix(Scene(tiny)).nnz
        check_alphas(result, (13, 18))

    def test_their_number(self, tiny: np.ndarray) -> None:
        assert segment(tiny, n_superpixels=5, **QUICK).superpixels.max() < 10


def test_an_affinity_of_ones_own(tiny: np.ndarray) -> None:
    @dataclass(frozen=True)
    class Neighbours(Affinity):
        def matrix(self, scene: Scene) -> sparse.csr_array:
            down, along = (sparse.diags_array([[1.0] * (n - 1)] * 2, offsets=[-1, 1]) for n in scene.shape)
            return sparse.csr_array(sparse.kronsum(along, down))

    affinity = MattingAffinity() + 0.1 * Neighbours()
    result = segment(tiny, affinity=affinity, **QUICK)
    check_alphas(result, (13, 18))
    extra = (result.laplacian.matrix - MattingAffinity().laplacian(Scene(tiny)).matrix).toarray()
    assert extra[0, 1] == pytest.approx(-0.1)
    assert extra[0, 18] == pytest.approx(-0.1)
    assert extra[17, 18] == pytest.approx(0)  # the end of one row and the start of the next


BLACK_AND_WHITE = (0.0, 0.0, 0.0), (1.0, 1.0, 1.0)
RED_AND_BLUE = (0.9, 0.1, 0.1), (0.1, 0.1, 0.9)


class TestSimplestImages:
    @pytest.mark.parametrize("colour", [(0.0, 0.0, 0.0), (1.0, 1.0, 1.0), (0.2, 0.7, 0.4)])
    @pytest.mark.parametrize("shape", [(3, 3), (12, 17), (30, 41)])
    def test_one_colour_is_one_opaque_layer(self, colour: tuple[float, ...], shape: tuple[int, int]) -> None:
        with pytest.warns(UserWarning, match=r"\An_layers: 5 asked for, but only 1 came out\Z"):
            result = segment(np.full((*shape, 3), colour))
        np.testing.assert_array_equal(result.alphas, np.ones((*shape, 1), np.float32))

    @pytest.mark.parametrize(
        ("shape", "boundary", "colours", "features"),
        [
            ((14, 21), "straight", BLACK_AND_WHITE, "low-level"),
            ((21, 14), "straight", RED_AND_BLUE, "low-level"),
            ((14, 21), "round", RED_AND_BLUE, "low-level"),
            ((33, 36), "slanted", RED_AND_BLUE, "low-level"),
            ((33, 36), "round", BLACK_AND_WHITE, "low-level"),
            # Not so with smaller photos: the network sees shades across plain ground, and may split that.
            ((33, 36), "slanted", RED_AND_BLUE, "default"),
            ((33, 36), "round", BLACK_AND_WHITE, "default"),
        ],
    )
    def test_two_colours_are_two_regions(
        self, shape: tuple[int, int], boundary: str, colours: tuple[tuple[float, ...], ...], features: str
    ) -> None:
        y, x = np.mgrid[: shape[0], : shape[1]]
        mask = {
            "straight": x < shape[1] // 3,
            "slanted": 2 * x + y < shape[1],
            "round": np.hypot(y - shape[0] / 2.2, x - shape[1] / 2.5) < shape[0] / 3,
        }[boundary]
        alphas = segment(np.where(mask[:, :, None], *colours), features, n_layers=2).alphas
        inside = alphas[:, :, int(alphas[mask].sum(axis=0).argmax())]
        assert np.abs(inside - mask).mean() < 0.02
        assert alphas.shape[2] == 2

    def test_grey_photos(self) -> None:
        grey = scene_image(31, 42).mean(axis=2)
        result = segment(grey, **QUICK)
        check_alphas(result, (31, 42))
        assert same_bits(result, segment(np.repeat(grey[:, :, None], 3, axis=2), **QUICK))

    @pytest.mark.parametrize("shape", [(3, 3), (3, 40), (40, 3), (4, 5)])
    def test_the_smallest_photos(self, rng: np.random.Generator, shape: tuple[int, int]) -> None:
        check_alphas(segment(rng.random((*shape, 3)), n_layers=2), shape)

    @pytest.mark.filterwarnings("ignore:n_layers")
    def test_noise(self, rng: np.random.Generator) -> None:
        check_alphas(segment(rng.random((32, 33, 3))), (32, 33))

    def test_more_layers_than_survive(self, tiny: np.ndarray) -> None:
        with pytest.warns(UserWarning, match=r"\An_layers: 30 asked for, but only \d+ came out\Z"):
            result = segment(tiny, n_eigenvectors=10, n_initial=6, n_layers=30)
        assert 1 <= result.alphas.shape[2] <= 6
        check_alphas(result, (13, 18))


class TestBigPhotos:
    @pytest.fixture
    def photo(self) -> np.ndarray:
        return scene_image(62, 81)

    def test_are_worked_on_at_a_smaller_size(self, photo: np.ndarray) -> None:
        result = segment(photo, working_pixels=1300, **QUICK)
        check_alphas(result, (62, 81))
        height, width = result.scene.shape
        assert height * width <= 1300 < 1.15 * height * width
        assert result.eigenpairs.vectors.shape == (height * width, 20)
        assert (
            result.initial_alphas.shape[:2]
            == result.laplacian.shape
            == result.features.shape[:2]
            == (height, width)
        )
        np.testing.assert_array_equal(result.image, photo)
        assert result.rgba.shape == (3, 62, 81, 4)
        # The disk's rim in the large photo is where its alpha turns.
        disk = result.alphas[:, :, int(result.alphas[28, 32].argmax())]
        y, x = np.mgrid[:62, :81]
        distance = np.hypot(y - 0.45 * 62, x - 0.4 * 81) - 0.3 * 62
        assert disk[distance < -2].mean() > 0.9
        assert disk[distance > 2].mean() < 0.1

    def test_with_features_and_superpixels_of_their_full_size(self, photo: np.ndarray) -> None:
        labels = np.arange(81) // 9 + 9 * (np.arange(62)[:, None] // 8)
        result = segment(photo, features=photo, superpixels=labels, working_pixels=1300, **QUICK)
        assert result.features.shape[:2] == result.superpixels.shape == result.scene.shape
        assert result.superpixels.max() == labels.max()
        check_alphas(result, (62, 81))

    def test_with_features_though_the_smaller_size_has_another_aspect_ratio(self) -> None:
        photo = scene_image(
            213, 320
        )  # at 19200 pixels 113x169, whose ratio is off by more than a pixel of 320
        result = segment(photo, features=photo, working_pixels=19_200, **QUICK)
        assert result.features.shape[:2] == result.scene.shape == (113, 169)

    def test_small_ones_stay(self, tiny: np.ndarray) -> None:
        assert same_bits(segment(tiny, working_pixels=10_000, **QUICK), segment(tiny, **QUICK))


class TestSettings:
    def test_published(self, tiny: np.ndarray) -> None:
        assert PUBLISHED.eigensolver == ShiftInvert()
        assert PUBLISHED.working_pixels is None
        published, default = segment(tiny, settings=PUBLISHED, **QUICK), segment(tiny, **QUICK)
        check_alphas(published, (13, 18))
        # So small a photo is solved densely by both: only the relaxed stage's preconditioner differs.
        assert np.array_equal(published.initial_alphas, default.initial_alphas)
        assert 0 < np.abs(published.alphas - default.alphas).max() < 2e-3

    def test_published_on_a_photo_that_the_solvers_see(self, image: np.ndarray) -> None:
        published, default = segment(image, settings=PUBLISHED, **QUICK), segment(image, **QUICK)
        assert not np.array_equal(published.eigenpairs.vectors, default.eigenpairs.vectors)
        owners = (
            [int(r.alphas[y, x].argmax()) for y, x in ((2, 38), (28, 5), (14, 17))]
            for r in (published, default)
        )
        assert all(len(set(owner)) == 3 for owner in owners)

    def test_an_argument_goes_before_the_settings(self, image: np.ndarray) -> None:
        overridden = segment(image, settings=PUBLISHED, eigensolver=LOBPCG(), working_pixels=600, **QUICK)
        assert overridden.eigenpairs.vectors.shape[0] <= 600


def test_spectral_matting_on_a_composite() -> None:
    y, x = np.mgrid[:28, :40]
    disk = np.clip(9 - np.hypot(y - 13, x - 14), 0, 1)[:, :, None]  # its rim is soft
    ground = np.stack([0.1 + x / 100, 0.2 + y / 100, 0.6 + 0 * x], axis=2)
    result = spectral_matting(disk * (0.9, 0.4, 0.1) + (1 - disk) * ground, n_eigenvectors=20, n_layers=6)
    check_alphas(result, (28, 40))
    np.testing.assert_allclose(result.initial_alphas.sum(axis=2), 1, atol=1e-9)
    assert (result.eigenpairs.values >= 0).all()
    # Layers are not grouped: those that live inside the disk make it up together.
    inside = result.alphas[
        :, :, (result.alphas * disk).sum(axis=(0, 1)) > 0.5 * result.alphas.sum(axis=(0, 1))
    ]
    assert np.abs(inside.sum(axis=2) - disk[:, :, 0]).mean() < 0.02
    assert list(result.timings) == ["Laplacian", "eigenvectors", "constrained"]
    assert same_bits(result, spectral_matting(result.image, n_eigenvectors=20, n_layers=6))


class Refusing(FeatureExtractor):
    """Work has begun when features are extracted."""

    def extract(self, image: np.ndarray) -> np.ndarray:
        raise AssertionError("arguments are to be checked before any work")


PHOTO = np.full((6, 9, 3), 0.5)

BAD_ARGUMENTS = [
    ({"image": None}, "image: expected an array"),
    ({"image": PHOTO[:2]}, "image: expected at least 3x3 pixels"),
    ({"image": PHOTO[0, 0]}, "image: expected shape (H, W, 3)"),
    ({"image": PHOTO * np.nan}, "image: expected finite values"),
    ({"image": PHOTO * 255}, "image: expected floats in [0, 1]"),
    ({"image": "there/is/none.png"}, "image: no such file"),
    ({"features": "nope"}, "features: expected one of"),
    ({"features": PHOTO[:, :6]}, "features: expected the image's size 6x9"),
    ({"features": PHOTO * np.inf}, "features: expected finite values"),
    ({"features": PHOTO - 1}, "features: three channels are taken as preprocessed"),
    ({"features": 3}, "features: expected an array"),
    ({"affinity": 0.5}, "affinity: expected an instance of Affinity, got float"),
    ({"affinity": MattingAffinity}, "affinity: expected an instance of Affinity"),
    ({"n_eigenvectors": 0}, "n_eigenvectors: expected an integer of at least 1, got 0"),
    ({"n_eigenvectors": 10.0}, "n_eigenvectors: expected an integer, got float"),
    ({"n_initial": 0}, "n_initial: expected an integer of at least 1, got 0"),
    ({"n_initial": True}, "n_initial: expected an integer, got bool"),
    ({"n_layers": -1}, "n_layers: expected an integer of at least 1, got -1"),
    ({"n_layers": "five"}, "n_layers: expected an integer"),
    ({"eigensolver": "lobpcg"}, "eigensolver: expected calls of LOBPCG, ShiftInvert "),
    ({"eigensolver": 3}, "eigensolver: expected an instance of Eigensolver, got int"),
    ({"superpixels": np.zeros((9, 6), int)}, "superpixels: expected shape (6, 9)"),
    ({"superpixels": PHOTO[:, :, 0]}, "superpixels: expected integer labels"),
    ({"n_superpixels": 0}, "n_superpixels: expected an integer of at least 1, got 0"),
    ({"n_superpixels": 2.5}, "n_superpixels: expected an integer, got float"),
    ({"working_pixels": 8}, "working_pixels: expected an integer of at least 9, got 8"),
    ({"working_pixels": "all"}, "working_pixels: expected an integer, got str"),
    ({"rng": -1}, "rng: a seed must be 0 or more, got -1"),
    ({"rng": "seed"}, "rng: expected None, an integer seed or a numpy Generator, got str"),
    ({"settings": "published"}, "settings: expected"),
    ({"progress": "loud"}, "progress: expected True, None or a callable, got str"),
]


@pytest.mark.usefixtures("unhooked")
@pytest.mark.parametrize(
    ("arguments", "message"), BAD_ARGUMENTS, ids=[message for _, message in BAD_ARGUMENTS]
)
def test_bad_arguments_are_named_in_one_line_before_any_work(arguments: dict, message: str) -> None:
    with pytest.raises((TypeError, ValueError, FileNotFoundError), match=rf"\A{re.escape(message)}[^\n]*\Z"):
        segment(**{"image": PHOTO, "features": Refusing(), **arguments})


@pytest.mark.usefixtures("unhooked")
@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"image": PHOTO[:2]}, "image: expected at least 3x3 pixels"),
        ({"n_eigenvectors": 0}, "n_eigenvectors: expected an integer of at least 1, got 0"),
        ({"n_layers": 2.0}, "n_layers: expected an integer, got float"),
        ({"eigensolver": LOBPCG}, "eigensolver: expected an instance of Eigensolver"),
        ({"rng": 1.5}, "rng: expected None, an integer seed or a numpy Generator, got float"),
    ],
)
def test_bad_arguments_of_spectral_matting(arguments: dict, message: str) -> None:
    with pytest.raises((TypeError, ValueError), match=rf"\A{re.escape(message)}[^\n]*\Z"):
        spectral_matting(**{"image": PHOTO, **arguments})


def test_arguments_are_left_alone(tiny: np.ndarray) -> None:
    features, labels = tiny[::-1].copy(), np.arange(13 * 18).reshape(13, 18) // 9
    before = tiny.copy(), features.copy(), labels.copy()
    segment(tiny, features=features, superpixels=labels, **QUICK)
    for array, copy in zip((tiny, features, labels), before, strict=True):
        assert np.array_equal(array, copy)
        assert array.flags.writeable
