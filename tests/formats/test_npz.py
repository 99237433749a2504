"""Archives: what is loaded is what was saved, up to what is said to be rounded."""

from __future__ import annotations

import re
import zipfile
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from scipy import sparse
from tests.results import Make

from softseg import Affinity, ColorAffinity, MattingAffinity, Scene
from softseg.affinity import AFFINITIES, register
from softseg.affinity.default import AFFINITY
from softseg.eigen import Eigenpairs
from softseg.formats.affinity_text import UnrestoredAffinity
from softseg.images import as_image, eight_bits
from softseg.layers import layer_colors, load, save
from softseg.result import SoftSegmentation
from softseg.testing import FormatCase
from softseg.testing.format import names

NO_ARCHIVE = r"\Apath: expected an archive that softseg saved, got .*\.npz: .+\Z"
NOT_RESTORED = (
    r"\Aaffinity: not known; give the one the layers were made with to load\(\), or install, import or "
    r"register its terms and load again: the file says .*, which cannot be restored \(.+\)\Z"
)
DOCUMENTED = {
    *("alpha_bytes", "largest_layer", "colors", "image", "features", "superpixels", "affinity"),
    *("eigenvalues", "residuals", "converged", "eigenvector_bytes", "eigenvector_step"),
    *("initial_coefficients", "timing_stages", "timing_seconds"),
}
# Half of what an alpha is rounded to, and what float32 leaves of it.
HALF_A_STEP = 0.5 / 65535 + 1e-7


class TestNPZ(FormatCase):
    suffix = ".npz"

    def check(self, path: Path, result: SoftSegmentation) -> None:
        with np.load(path, allow_pickle=False) as file:
            arrays = dict(file)
        assert set(arrays) == DOCUMENTED | {"working_image"}
        np.testing.assert_allclose(arrays["colors"] / 255, result.colors, rtol=0, atol=0.5 / 255 + 1e-6)
        loaded = load(path)
        assert loaded.alphas.dtype == np.float32
        # The largest of a pixel makes up for the rounding of all others.
        others = loaded.alphas.shape[2] - 1
        np.testing.assert_allclose(loaded.alphas, result.alphas, rtol=0, atol=max(others, 1) * HALF_A_STEP)
        np.testing.assert_allclose(loaded.alphas.sum(axis=2), 1, rtol=0, atol=1e-6)
        for name in ("image", "features", "superpixels"):
            np.testing.assert_array_equal(getattr(loaded, name), getattr(result, name))
        np.testing.assert_array_equal(loaded.scene.image, result.scene.image)
        np.testing.assert_allclose(loaded.colors, result.colors, rtol=0, atol=0.5 / 255 + 1e-6)
        assert loaded.order == result.order
        assert loaded.timings == result.timings
        pairs = loaded.eigenpairs
        np.testing.assert_array_equal(pairs.values, result.eigenpairs.values)
        np.testing.assert_array_equal(pairs.residuals, result.eigenpairs.residuals)
        assert pairs.converged is result.eigenpairs.converged
        # Half of 1/256 of the root mean square.
        half_a_step = 1 / 512 / np.sqrt(len(pairs.vectors))
        np.testing.assert_allclose(pairs.vectors, result.eigenpairs.vectors, rtol=0, atol=1.001 * half_a_step)
        np.testing.assert_allclose(loaded.initial_alphas, result.initial_alphas, rtol=0, atol=0.02)
        difference = loaded.laplacian.matrix - result.laplacian.matrix
        assert abs(difference).max() == 0


@pytest.fixture
def result(make_segmentation: Make) -> SoftSegmentation:
    return make_segmentation(9, 14, 3)


def test_a_second_round_changes_nothing(tmp_path: Path, result: SoftSegmentation) -> None:
    save(tmp_path / "first.npz", result)
    save(tmp_path / "second.npz", load(tmp_path / "first.npz"))
    first, second = (np.load(tmp_path / name) for name in ("first.npz", "second.npz"))
    with first, second:
        assert set(first) == set(second)
        for name in DOCUMENTED - {"initial_coefficients"}:
            np.testing.assert_array_equal(first[name], second[name])
        np.testing.assert_allclose(first["initial_coefficients"], second["initial_coefficients"], atol=1e-9)


@pytest.mark.parametrize(
    ("dtype", "kept"), [(np.uint8, np.uint8), (np.float32, np.float32), (np.float64, np.float64)]
)
def test_photos_are_exact_and_short(
    tmp_path: Path, result: SoftSegmentation, rng: np.random.Generator, dtype: type, kept: type
) -> None:
    noise = rng.random(result.scene.image.shape)
    photo = (255 * noise).astype(np.uint8) if dtype == np.uint8 else noise.astype(dtype)
    scene = Scene(photo, result.features, result.superpixels)
    save(
        tmp_path / "out.npz", replace(result, scene=scene, image=scene.image, alphas=result.alphas[::2, ::2])
    )
    with np.load(tmp_path / "out.npz") as file:
        if dtype == np.uint8:
            assert file["image_differences"].dtype == kept
            # By NumPy alone, as docs/reference/formats.md says.
            np.testing.assert_array_equal(np.cumsum(file["image_differences"], axis=1, dtype=np.uint8), photo)
        else:
            assert file["image"].dtype == kept
        assert "working_image" not in file
    loaded = load(tmp_path / "out.npz")
    np.testing.assert_array_equal(loaded.image, scene.image)
    np.testing.assert_array_equal(loaded.scene.image, scene.image)


class TestColors:
    """They are stored where they do not follow from the photo and the alphas."""

    @pytest.fixture
    def found(self, result: SoftSegmentation) -> SoftSegmentation:
        return replace(result)  # which leaves out the colors that it was given

    def test_those_that_are_found_are_found_again(self, tmp_path: Path, found: SoftSegmentation) -> None:
        for name in ("before", "after"):
            save(tmp_path / f"{name}.npz", found)
            with np.load(tmp_path / f"{name}.npz") as file:
                assert "colors" not in file
            found.colors  # noqa: B018  # being asked for them makes no difference
        loaded = load(tmp_path / "after.npz")
        np.testing.assert_array_equal(loaded.colors, layer_colors(loaded.image, loaded.alphas))
        # A layer's color is found as well as it shows: alphas are rounded by up to 1.5e-5.
        shown = found.alphas > 0.05
        np.testing.assert_allclose(loaded.colors[shown], found.colors[shown], rtol=0, atol=2e-3)

    def test_edited_ones_are_kept(self, tmp_path: Path, found: SoftSegmentation) -> None:
        edited = found.edit(1, lambda colors: 1 - colors)
        save(tmp_path / "out.npz", edited)
        loaded = load(tmp_path / "out.npz")
        np.testing.assert_allclose(loaded.colors, edited.colors, rtol=0, atol=0.5 / 255 + 1e-6)
        np.testing.assert_allclose(loaded.image, edited.image, rtol=0, atol=1e-12)

    def test_those_of_what_stands_in_for_a_result_are_kept(
        self, tmp_path: Path, make_result: Callable[..., SimpleNamespace]
    ) -> None:
        result = make_result(9, 14, 3)
        save(tmp_path / "out.npz", result)
        loaded = load(tmp_path / "out.npz")
        np.testing.assert_allclose(loaded.colors, result.colors, rtol=0, atol=0.5 / 255 + 1e-6)


@pytest.mark.parametrize("short", [False, True])
def test_files_of_earlier_versions_are_read(tmp_path: Path, result: SoftSegmentation, short: bool) -> None:
    """Those had alphas, photo and colors as plain arrays."""
    photo = eight_bits(result.image) if short else result.image
    save(tmp_path / "new.npz", result)
    with np.load(tmp_path / "new.npz") as file:
        arrays = {name: array for name, array in file.items() if name not in ("alpha_bytes", "largest_layer")}
    arrays |= {"alphas": result.alphas, "image": photo, "colors": eight_bits(result.colors)}
    np.savez(tmp_path / "old.npz", **arrays)
    old, new = load(tmp_path / "old.npz"), load(tmp_path / "new.npz")
    np.testing.assert_array_equal(old.alphas, result.alphas)
    np.testing.assert_array_equal(old.image, as_image(photo))
    np.testing.assert_array_equal(old.colors, new.colors)
    np.testing.assert_array_equal(old.eigenpairs.vectors, new.eigenpairs.vectors)
    np.testing.assert_array_equal(old.initial_alphas, new.initial_alphas)


def test_a_large_photo_takes_no_room_from_the_eigenvectors(tmp_path: Path, make_segmentation: Make) -> None:
    """Photos above the working size left them a third of it once."""
    result = make_segmentation(120, 160, 3)  # and a quarter of the pixels in its scene
    save(tmp_path / "out.npz", replace(result, alphas=result.alphas))
    with np.load(tmp_path / "out.npz") as file:
        assert file["eigenvector_step"] == 1 / (256 * np.sqrt(60 * 80))


@dataclass(frozen=True)
class OwnAffinity(Affinity):
    """Links every pixel with itself, so to no other."""

    weight: float = 1.0

    def matrix(self, scene: Scene) -> sparse.csr_array:
        return sparse.csr_array(self.weight * sparse.eye_array(scene.shape[0] * scene.shape[1]))


@pytest.mark.parametrize(
    "affinity",
    [
        AFFINITY,
        MattingAffinity(),
        MattingAffinity(epsilon=1e-3),
        ColorAffinity(radius=0.3),
        AFFINITY + ColorAffinity(),
        -0.5 * ColorAffinity(radius=0.3),
    ],
)
def test_softsegs_own_affinities_come_back(
    tmp_path: Path, result: SoftSegmentation, affinity: Affinity
) -> None:
    save(tmp_path / "out.npz", replace(result, affinity=affinity))
    assert load(tmp_path / "out.npz").affinity == affinity


def test_a_registered_affinity_comes_back(
    tmp_path: Path, result: SoftSegmentation, monkeypatch: pytest.MonkeyPatch
) -> None:
    affinity = MattingAffinity() + 0.1 * OwnAffinity(weight=2.5)
    save(tmp_path / "out.npz", replace(result, affinity=affinity))
    with pytest.warns(UserWarning, match=NOT_RESTORED):
        assert load(tmp_path / "out.npz").affinity is None
    monkeypatch.setattr(AFFINITIES, "_known", dict(AFFINITIES._known))
    register("OwnAffinity", OwnAffinity)
    loaded = load(tmp_path / "out.npz")
    assert loaded.affinity == affinity
    assert abs(loaded.laplacian.matrix - affinity.laplacian(result.scene).matrix).max() == 0


def test_a_registered_affinity_that_cannot_be_imported_is_not_known(
    tmp_path: Path, result: SoftSegmentation, monkeypatch: pytest.MonkeyPatch
) -> None:
    save(tmp_path / "out.npz", replace(result, affinity=OwnAffinity()))
    monkeypatch.setattr(AFFINITIES, "_known", dict(AFFINITIES._known))
    register("OwnAffinity", "there_is_no_such_package:OwnAffinity")
    with pytest.warns(UserWarning, match=r"\Aaffinity: .*\(No module named 'there_is_no_such_package'\)\Z"):
        assert load(tmp_path / "out.npz").affinity is None


@pytest.mark.parametrize("affinity", [OwnAffinity(), MattingAffinity() + 0.1 * OwnAffinity(), None])
def test_others_are_for_the_caller_to_give(
    tmp_path: Path, result: SoftSegmentation, affinity: Affinity | None
) -> None:
    save(tmp_path / "out.npz", replace(result, affinity=affinity))
    with nullcontext() if affinity is None else pytest.warns(UserWarning, match=NOT_RESTORED):
        loaded = load(tmp_path / "out.npz")
    assert loaded.affinity is None
    with pytest.raises(ValueError, match="affinity: not known; give the one"):
        loaded.laplacian  # noqa: B018
    assert load(tmp_path / "out.npz", MattingAffinity()).affinity == MattingAffinity()


class TestAnAffinityThatIsNotKnownHere:
    AFFINITY = MattingAffinity() + 0.1 * OwnAffinity(weight=2.5)

    @pytest.fixture
    def file(self, tmp_path: Path, result: SoftSegmentation) -> Path:
        save(tmp_path / "out.npz", replace(result, affinity=self.AFFINITY))
        return tmp_path / "out.npz"

    @pytest.fixture
    def loaded(self, file: Path) -> SoftSegmentation:
        with pytest.warns(UserWarning, match=NOT_RESTORED):
            return load(file)

    def test_the_warning_is_one_line(self, file: Path) -> None:
        with pytest.warns(UserWarning, match=NOT_RESTORED) as caught:
            SoftSegmentation.load(file)
        (warning,) = caught
        assert "\n" not in str(warning.message)
        assert repr(self.AFFINITY) in str(warning.message)

    def test_what_needs_it_says_the_text_and_the_cause(self, loaded: SoftSegmentation) -> None:
        message = rf"\Aaffinity: not known; .* {re.escape(repr(self.AFFINITY))}, .*, got OwnAffinity\)\Z"
        with pytest.raises(ValueError, match=message):
            loaded.laplacian  # noqa: B018
        with pytest.raises(ValueError, match=message):
            loaded.propagate(np.ones((9, 14), int), [1.0])

    def test_saving_writes_the_text_back(self, tmp_path: Path, file: Path, loaded: SoftSegmentation) -> None:
        edited = loaded.edit(0, lambda colors: 1 - colors)
        for name, again in {
            "again": loaded,
            "edited": edited,
            "replaced": replace(loaded, timings={}),
        }.items():
            save(tmp_path / f"{name}.npz", again)
            assert stored_affinity(tmp_path / f"{name}.npz") == stored_affinity(file) == repr(self.AFFINITY)

    def test_it_comes_back_where_it_is_known_again(
        self, tmp_path: Path, loaded: SoftSegmentation, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        save(tmp_path / "again.npz", loaded)
        monkeypatch.setattr(AFFINITIES, "_known", dict(AFFINITIES._known))
        register("OwnAffinity", OwnAffinity)
        assert load(tmp_path / "again.npz").affinity == self.AFFINITY

    def test_a_known_one_takes_its_place(self, tmp_path: Path, loaded: SoftSegmentation) -> None:
        known = replace(loaded, affinity=MattingAffinity())
        assert known.laplacian.shape == loaded.scene.shape
        save(tmp_path / "known.npz", known)
        assert stored_affinity(tmp_path / "known.npz") == repr(MattingAffinity())

    def test_without_any_a_file_says_none(self, tmp_path: Path, result: SoftSegmentation) -> None:
        save(tmp_path / "none.npz", replace(result, affinity=None))
        save(tmp_path / "again.npz", load(tmp_path / "none.npz"))
        assert stored_affinity(tmp_path / "none.npz") == stored_affinity(tmp_path / "again.npz") == "None"

    @pytest.mark.parametrize(
        ("raised", "cause"),
        [
            (RuntimeError("no\nlicense"), "no license"),
            (AttributeError(), "AttributeError"),
            (ValueError("weight: expected\n1"), r"OwnAffinity\(weight=2.5\): weight: expected 1"),
        ],
    )
    def test_whatever_its_package_raises_all_else_is_read(
        self, file: Path, result: SoftSegmentation, monkeypatch: pytest.MonkeyPatch, raised, cause: str
    ) -> None:
        class Broken(OwnAffinity):
            def __init__(self, weight: float) -> None:
                raise raised

        monkeypatch.setattr(AFFINITIES, "_known", {**AFFINITIES._known, "OwnAffinity": Broken})
        with pytest.warns(UserWarning, match=rf"\Aaffinity: not known; .* cannot be restored \({cause}\)\Z"):
            np.testing.assert_array_equal(load(file).features, result.features)

    def test_a_text_of_several_lines_is_shown_on_one_and_kept(
        self, tmp_path: Path, result: SoftSegmentation
    ) -> None:
        text = "OwnAffinity(weights=array([[1.0],\n       [2.0]]))"
        unknown = replace(result, affinity=None, _unrestored_affinity=UnrestoredAffinity(text, "any"))
        save(tmp_path / "out.npz", unknown)
        assert stored_affinity(tmp_path / "out.npz") == text
        with pytest.warns(
            UserWarning, match=r"says OwnAffinity\(weights=array\(\[\[1\.0\], \[2\.0\]\]\)\), "
        ):
            load(tmp_path / "out.npz")


def stored_affinity(path: Path) -> str:
    with np.load(path) as file:
        return str(file["affinity"])


def test_no_file(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"\Apath: no such file: .*no\.npz\Z"):
        load(tmp_path / "no.npz")


def write_text(path: Path) -> None:
    path.write_text("no archive")


def write_nothing(path: Path) -> None:
    path.write_bytes(b"")


def write_array(path: Path) -> None:
    with open(path, "wb") as file:
        np.save(file, np.zeros(3))


def write_pickle(path: Path) -> None:
    with open(path, "wb") as file:
        np.save(file, np.array([{}], dtype=object), allow_pickle=True)


def write_other_arrays(path: Path) -> None:
    np.savez(path, alphas=np.zeros((3, 3, 1)))


def write_other_zip(path: Path) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("notes.txt", "hello")


@pytest.mark.parametrize(
    "write", [write_text, write_nothing, write_array, write_pickle, write_other_arrays, write_other_zip]
)
def test_other_files(tmp_path: Path, write) -> None:  # type: ignore[no-untyped-def]
    write(tmp_path / "out.npz")
    with pytest.raises(ValueError, match=NO_ARCHIVE):
        load(tmp_path / "out.npz")


def test_a_folder(tmp_path: Path) -> None:
    (tmp_path / "out.npz").mkdir()
    with pytest.raises(IsADirectoryError, match=r"\Apath: expected a file, got a folder: .*out\.npz\Z"):
        load(tmp_path / "out.npz")


@pytest.mark.parametrize("share", [0.01, 0.5, 0.99])
def test_cut_off_files(tmp_path: Path, result: SoftSegmentation, share: float) -> None:
    save(tmp_path / "out.npz", result)
    content = (tmp_path / "out.npz").read_bytes()
    (tmp_path / "out.npz").write_bytes(content[: round(share * len(content))])
    with pytest.raises(ValueError, match=NO_ARCHIVE):
        load(tmp_path / "out.npz")


def test_flipped_bits(tmp_path: Path, result: SoftSegmentation) -> None:
    save(tmp_path / "out.npz", result)
    content = bytearray((tmp_path / "out.npz").read_bytes())
    content[len(content) // 2] ^= 255
    (tmp_path / "out.npz").write_bytes(content)
    with pytest.raises(ValueError, match=NO_ARCHIVE):
        load(tmp_path / "out.npz")


def test_noise_takes_under_40_mb_at_640_x_480(
    tmp_path: Path, make_segmentation: Make, rng: np.random.Generator
) -> None:
    height, width = 120, 160
    result = make_segmentation(height, width, 5)
    vectors = np.linalg.qr(rng.normal(size=(height * width, 100)))[0]
    scene = Scene(
        rng.integers(0, 256, (height, width, 3), dtype=np.uint8),
        rng.random((height, width, 3), dtype=np.float32),
        rng.integers(0, 2500, (height, width)),
    )
    result = replace(
        result,
        scene=scene,
        image=scene.image,
        eigenpairs=Eigenpairs(np.arange(100.0), vectors, np.zeros(100), True),
        initial_alphas=(vectors @ rng.normal(size=(100, 30))).reshape(height, width, 30),
    )
    save(tmp_path / "out.npz", result)
    assert (tmp_path / "out.npz").stat().st_size * (640 * 480) / (height * width) < 40e6
    # By a quarter of the root mean square, which is 2 bits for each of the 100.
    half_a_step = 0.25 / 2 / np.sqrt(height * width)
    found = load(tmp_path / "out.npz").eigenpairs.vectors
    np.testing.assert_allclose(found, vectors, rtol=0, atol=1.001 * half_a_step)
    assert names(tmp_path) == ["out.npz"]


class TestNames:
    def test_they_are_kept(self, tmp_path: Path, make_segmentation: Make) -> None:
        result = make_segmentation(12, 16, 2)
        path = tmp_path / "a.npz"
        result.save(path, names=[" sky", "le café"])
        assert load(path).names == ("sky", "le café")
        load(path).save(path)  # without a word about them
        assert load(path).names == ("sky", "le café")
        load(path).save(path, names=["a", "b"])
        assert load(path).names == ("a", "b")
        assert load(path).edit(0, lambda colors: 1 - colors).names == ("a", "b")

    def test_a_result_has_none_by_itself(self, tmp_path: Path, make_segmentation: Make) -> None:
        result = make_segmentation(12, 16, 2)
        result.save(tmp_path / "a.npz")
        assert result.names is load(tmp_path / "a.npz").names is None

    @pytest.mark.parametrize("names", [["a"], ["a", "a"], ["a", ""], ["a", "b\nc"]])
    def test_wrong_ones(self, tmp_path: Path, make_segmentation: Make, names: list[str]) -> None:
        result = make_segmentation(12, 16, 2)
        with pytest.raises(ValueError, match="names"):
            result.save(tmp_path / "a.npz", names=names)
        assert not list(tmp_path.iterdir())
        with pytest.raises(ValueError, match="names"):
            replace(result, names=names)
        result.save(tmp_path / "a.npz")
        with zipfile.ZipFile(tmp_path / "a.npz", "a") as archive, archive.open("names.npy", "w") as entry:
            np.lib.format.write_array(entry, np.array(names))
        with pytest.raises(ValueError, match=r"is damaged: its entry 'names' "):
            load(tmp_path / "a.npz")
