"""Archives that are damaged, or were never ours, are a ValueError of one line, whatever is wrong in them."""

from __future__ import annotations

import io
import re
import zipfile
from pathlib import Path

import numpy as np
import pytest

from softseg.layers import load
from softseg.testing import random_result, unchecked_annotations

NO_ARCHIVE = r"\Apath: expected an archive that softseg saved, got [^\n]*out\.npz: [^\n]+\Z"


@pytest.fixture(scope="module")
def members(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """Return what lies in an archive, by name."""
    path = tmp_path_factory.mktemp("npz") / "out.npz"
    random_result(np.random.default_rng(3), 9, 12, 2).save(path)
    with zipfile.ZipFile(path) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


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
