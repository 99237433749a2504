"""Archives that are damaged, or were never ours, are a ValueError of one line, whatever is wrong in them."""

from __future__ import annotations

import io
import re
import zipfile
from pathlib import Path

import numpy as np
import pytest

from softseg.formats.npz_entries import ENTRIES, INSTEAD
from softseg.layers import load
from softseg.photos.profiles import srgb_profile
from softseg.testing import random_result, unchecked_annotations

NO_ARCHIVE = (
    r"\Apath: (expected an archive that softseg saved, got [^\n]*out\.npz: "
    r"|the archive [^\n]*out\.npz is damaged: its entry '\w+' )[^\n]+\Z"
)


@pytest.fixture(scope="module")
def arrays(tmp_path_factory: pytest.TempPathFactory) -> dict[str, np.ndarray]:
    """Return an archive with every entry that there can be."""
    path = tmp_path_factory.mktemp("npz") / "out.npz"
    random_result(np.random.default_rng(3), 9, 12, 2).save(path)
    with np.load(path) as archive:
        found = dict(archive)
    rng = np.random.default_rng(4)
    found["working_image"] = rng.random(found["features"].shape)
    found["image_differences"] = rng.integers(0, 256, (9, 12, 3), dtype=np.uint8)
    found["colors"] = np.zeros((9, 12, 2, 3), np.uint8)
    found["profile"] = np.frombuffer(srgb_profile(), np.uint8)
    found["alphas"] = np.full((9, 12, 2), 0.5, np.float32)
    found["names"] = np.array(["sky", "cat"])
    found["timing_stages"], found["timing_seconds"] = np.array(["features"]), np.array([0.5])
    assert found.keys() == ENTRIES.keys()
    return found


@pytest.fixture(scope="module")
def members(arrays: dict[str, np.ndarray]) -> dict[str, bytes]:
    """Return what lies in an archive of the version of now, by name."""
    return {
        f"{name}.npy": as_bytes(array)
        for name, array in arrays.items()
        if name not in ("alphas", "image_differences")
    }


def write(path: Path, members: dict[str, bytes]) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)


def as_bytes(array: np.ndarray) -> bytes:
    file = io.BytesIO()
    np.save(file, array)
    return file.getvalue()


def say_what_is_wrong(path: Path) -> str | None:
    """Return the message of the ValueError that loading raises; None if it loads."""
    try:
        with unchecked_annotations():
            load(path)
    except ValueError as error:
        return str(error)
    return None


@pytest.mark.filterwarnings("ignore")  # loading warns of an affinity that is not known
@pytest.mark.parametrize("seed", range(4))
def test_any_member_may_be_damaged(tmp_path: Path, members: dict[str, bytes], seed: int) -> None:
    """Cut off, changed in the header, left out, or an array of another kind."""
    rng = np.random.default_rng(seed)
    others = [np.zeros(0), np.array("x"), np.zeros((2, 3, 4)), np.array(3), np.full((9, 12, 3), np.nan)]
    refused = 0
    for _ in range(60):
        victim = str(rng.choice(list(members)))
        content = bytearray(members[victim])
        kind = rng.integers(3)
        if kind == 0:
            content = content[: rng.integers(len(content))]
        elif kind == 1:
            content[rng.integers(min(len(content), 128))] = rng.integers(256)
        else:
            content = bytearray(as_bytes(others[rng.integers(len(others))]))
        write(tmp_path / "out.npz", {**members, victim: bytes(content)})
        message = say_what_is_wrong(tmp_path / "out.npz")
        if message is not None:
            assert re.match(NO_ARCHIVE, message)
            refused += 1
    assert refused > 30


@pytest.mark.parametrize(
    ("name", "array"),
    [
        ("largest_layer", np.full((9, 12), 200, np.uint8)),
        ("largest_layer", np.full((9, 12), -1, np.int64)),
        ("largest_layer", np.zeros((9, 11), np.uint8)),
        ("alpha_bytes", np.zeros((2, 3, 8, 12), np.uint8)),
        ("alpha_bytes", np.zeros((2, 3, 9, 12))),
        ("alpha_bytes", np.zeros((1, 3, 9, 12), np.uint8)),
    ],
)
def test_no_kernel_is_given_indices_that_are_out_of_bounds(
    tmp_path: Path, members: dict[str, bytes], name: str, array: np.ndarray
) -> None:
    write(tmp_path / "out.npz", {**members, f"{name}.npy": as_bytes(array)})
    with pytest.raises(ValueError, match=NO_ARCHIVE):
        load(tmp_path / "out.npz")


def test_a_method_of_compression_that_python_does_not_know(tmp_path: Path, members: dict[str, bytes]) -> None:
    write(tmp_path / "out.npz", members)
    content = (tmp_path / "out.npz").read_bytes()
    entry = content.rindex(b"PK\x01\x02")  # the method is at byte 10 of an entry of the directory
    (tmp_path / "out.npz").write_bytes(content[: entry + 10] + b"\x63\x00" + content[entry + 12 :])
    with pytest.raises(ValueError, match=NO_ARCHIVE):
        load(tmp_path / "out.npz")


# What an entry may have become: by name, a function that makes it of the entry, and of which kinds of values.
DAMAGE = {
    "NaN": (lambda array: set_first(array, np.nan), "f"),
    "infinity": (lambda array: set_first(array, -np.inf), "f"),
    "far too large": (lambda array: set_first(array, 1e200), "d"),
    "one row less": (lambda array: array[:-1] if array.ndim else None, "fubi"),
    "one column less": (lambda array: array[:, :-1] if array.ndim > 1 else None, "fubi"),
    "one axis more": (lambda array: array[None], "fubiU"),
    "one axis less": (lambda array: array[0] if array.ndim else None, "fubiU"),
    "complex": (lambda array: array.astype(complex), "fubi"),
    "texts": (lambda array: array.astype(str), "fubi"),
    "the other order of bytes": (lambda array: array.astype(array.dtype.newbyteorder(">")), "fi"),
    "integers": (lambda array: array.astype(np.int16), "fb"),
    "signed": (lambda array: array.astype(np.int8), "u"),
    "floats": (lambda array: array.astype(float), "iub"),
    "bytes": (lambda array: array.astype("S"), "U"),
    "empty": (lambda array: array.ravel()[:0], "fubiU"),
    "negative": (lambda array: set_first(array, -1), "i"),
}
# What is still what it must be: the number of some entries is nobody's but their own.
ALLOWED = {
    ("profile", "one row less"),
    ("profile", "empty"),
    ("eigenvector_bytes", "one row less"),
    ("initial_coefficients", "one column less"),
}


def set_first(array: np.ndarray, value: float) -> np.ndarray:
    changed = array.copy()
    changed.flat[0] = value
    return changed


def say(tmp_path: Path, arrays: dict[str, np.ndarray]) -> str:
    np.savez(tmp_path / "out.npz", **arrays)
    return say_what_is_wrong(tmp_path / "out.npz") or ""


def all_of(arrays: dict[str, np.ndarray], victim: str) -> dict[str, np.ndarray]:
    """Return the entries of the version to which the victim belongs: of now, or an earlier one."""
    other = {name for old, new in INSTEAD.items() for name in (new if victim == old else (old,))}
    if victim not in INSTEAD and "image_differences" != victim:
        other = (other - {"image"}) | {"image_differences"}  # with a photo of floats
    return {name: array for name, array in arrays.items() if name not in other}


@pytest.mark.filterwarnings("ignore:affinity. not known")
class TestEachEntry:
    @pytest.mark.parametrize("victim", ENTRIES)
    def test_sound_ones_load(self, tmp_path: Path, arrays: dict[str, np.ndarray], victim: str) -> None:
        assert say(tmp_path, all_of(arrays, victim)) == ""

    @pytest.mark.parametrize("victim", ENTRIES)
    def test_one_that_is_missing_is_named(
        self, tmp_path: Path, arrays: dict[str, np.ndarray], victim: str
    ) -> None:
        sound = all_of(arrays, victim)
        del sound[victim]
        missing = {"image": "image_differences", "alphas": "alpha_bytes"}.get(victim, victim)
        message = f"path: the archive {tmp_path / 'out.npz'} is damaged: its entry '{missing}' is missing"
        optional = victim in ("colors", "profile", "names")
        assert say(tmp_path, sound) == ("" if optional else message)

    @pytest.mark.parametrize("damage", DAMAGE)
    @pytest.mark.parametrize("victim", ENTRIES)
    def test_one_that_is_damaged_is_named(
        self, tmp_path: Path, arrays: dict[str, np.ndarray], victim: str, damage: str
    ) -> None:
        sound = all_of(arrays, victim)
        change, kinds = DAMAGE[damage]
        array = sound[victim]
        kind = "d" if array.dtype == np.float64 and "d" in kinds else array.dtype.kind
        changed = change(array) if kind in kinds else None
        if changed is None or (victim, damage) in ALLOWED:
            return
        said = say(tmp_path, {**sound, victim: changed})
        assert re.match(
            rf"\Apath: the archive {re.escape(str(tmp_path))}/out\.npz is damaged: its entry ", said
        )
        assert "\n" not in said
        # Of two that do not fit each other, the first may be meant.
        named = re.findall(r"its entry '(\w+)'", said)
        assert named == [victim] or "has the shape" in said or "pixels" in said


def test_the_other_entries_of_an_archive_are_of_no_interest(
    tmp_path: Path, arrays: dict[str, np.ndarray]
) -> None:
    assert say(tmp_path, {**all_of(arrays, "features"), "notes": np.array([np.nan])}) == ""


def test_an_archive_of_another_program(tmp_path: Path) -> None:
    said = say(tmp_path, {"image": np.zeros((3, 4, 3)), "features": np.zeros((3, 4, 3))})
    assert said.endswith("out.npz: it has other entries")
