"""Names of layers: where they are, those that are given, and how files spell them."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from softseg.formats import layer_names, save
from softseg.formats.names import (
    RESERVED,
    as_channel_names,
    checked_names,
    given_names,
    within_file_name,
)
from softseg.layers import LayerStack
from softseg.testing import random_result

# Texts that may be names, with letters that take one to four bytes and some that have no ASCII form.
TEXTS = st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs", "Zl", "Zp", "Zs", "Cf", "Cn"]))


def stack_of(*regions: tuple[slice, slice]) -> LayerStack:
    """Return a first layer and others that cover parts of a photo of 60 x 90 pixels."""
    owner = np.zeros((60, 90), dtype=int)
    for layer, region in enumerate(regions, start=1):
        owner[region] = layer
    return LayerStack(np.zeros((60, 90, 3)), np.eye(len(regions) + 1, dtype=np.float32)[owner])


@pytest.mark.parametrize("row", range(3))
@pytest.mark.parametrize("column", range(3))
def test_where_a_layer_is(row: int, column: int) -> None:
    region = (slice(20 * row + 5, 20 * row + 15), slice(30 * column + 5, 30 * column + 25))
    words = [["top", "", "bottom"][row], ["left", "", "right"][column]]
    place = " ".join(filter(None, words)) or "center"
    assert layer_names(stack_of(region)) == ["1 largest, back", f"2 {place}"]


def test_sky_above_ground_and_a_person() -> None:
    ground, person = (slice(35, None), slice(None)), (slice(20, 50), slice(62, 75))
    # The sky reaches the upper half of the sides and the ground the lower: the sky reaches three edges.
    assert layer_names(stack_of(ground, person)) == ["1 largest, back", "2 bottom", "3 right"]


def test_one_layer_and_empty_ones() -> None:
    assert layer_names(stack_of()) == ["1 whole photo"]
    assert layer_names(stack_of((slice(None), slice(None)))) == ["1 empty", "2 whole photo"]
    faint = np.full((6, 9, 2), (0.999, 0.001), dtype=np.float32)  # nothing of it is left in 8 bits
    assert layer_names(LayerStack(np.zeros((6, 9, 3)), faint))[1] == "2 empty"


def test_names_are_the_same_again_and_all_different(rng: np.random.Generator) -> None:
    alphas = rng.dirichlet(np.ones(12), (6, 9)).astype(np.float32)
    first, second = (layer_names(LayerStack(np.zeros((6, 9, 3)), alphas)) for _ in range(2))
    assert first == second
    assert len(set(first)) == 12
    assert sum("largest" in name for name in first) == 1


@pytest.mark.parametrize(
    ("names", "error", "message"),
    [
        ("ab", TypeError, "names: expected a list of 2 texts, got str"),
        (b"ab", TypeError, "names: expected a list of 2 texts, got bytes"),
        ({"a", "b"}, TypeError, "names: expected a list of 2 texts, got set"),
        ({"a": 1, "b": 2}, TypeError, "names: expected a list of 2 texts, got dict"),
        (7, TypeError, "names: expected a list of 2 texts, got int"),
        (["a", None], TypeError, "names[1]: expected a text, got NoneType"),
        ([], ValueError, "names: expected 2, one for each layer, got 0"),
        (["a"], ValueError, "names: expected 2, one for each layer, got 1"),
        (["a", "b", "c"], ValueError, "names: expected 2, one for each layer, got 3"),
        (["a", "a"], ValueError, "names[1]: expected a name that no other layer has, got 'a' again"),
        (["é", "e\u0301"], ValueError, "names[1]: expected a name that no other layer has, got 'é' again"),
        (["a", " a"], ValueError, "names[1]: expected a name that no other layer has, got 'a' again"),
        (["a", ""], ValueError, "names[1]: expected a name, got ''"),
        (["a", "  "], ValueError, "names[1]: expected a name, got '  '"),
        (["a", "\u200b\u00a0"], ValueError, r"names[1]: expected a name, got '\u200b\xa0'"),
        (["a", "x" * 201], ValueError, "names[1]: expected at most 200 characters, got 201"),
    ],
)
def test_names_that_are_refused(names: object, error: type[Exception], message: str) -> None:
    with pytest.raises(error) as raised:
        checked_names(names, 2)
    assert str(raised.value) == message


@pytest.mark.parametrize(
    "letter", ["\n", "\r", "\t", "\0", "\x7f", "\x85", "\u2028", "\u2029", "\ud800", "\uffff"]
)
@pytest.mark.parametrize("form", ["a{}b", "{}", "a{}"])
def test_a_name_is_one_line_of_text(letter: str, form: str) -> None:
    message = r"\Anames\[0\]: expected one line of text, without control characters, got '.*'\Z"
    with pytest.raises(ValueError, match=message):
        checked_names([form.format(letter)], 1)


def test_names_of_many_kinds_are_taken() -> None:
    family = "👨‍👩‍👧"  # with joiners between the three
    given = ["sky", " café ", "nin\u0303o", family, "x" * 200]
    assert checked_names(given, 5) == ["sky", "café", "niño", family, "x" * 200]
    assert checked_names(np.array(["a", "b"]), 2) == ["a", "b"]
    assert checked_names((name for name in "ab"), 2) == ["a", "b"]


@given(TEXTS)
def test_within_file_names_of_any_system(name: str) -> None:
    safe = within_file_name(name)
    assert not re.search(r'[<>:"/\\|?*\x00-\x1f]', safe)
    assert not safe.endswith((".", " "))
    assert len(safe.encode()) <= 150


@given(st.lists(TEXTS.filter(bool), min_size=1, max_size=8, unique=True))
def test_channels_are_called_what_nuke_and_blender_take(names: list[str]) -> None:
    spelled = as_channel_names(names)
    assert len(set(spelled)) == len(names)
    for name in spelled:
        assert re.fullmatch("[A-Za-z][A-Za-z0-9_]*", name)
        assert len(name) + len(".R") < 64
    plain = [re.fullmatch("[A-Za-z][A-Za-z0-9]{0,40}", name) for name in names]
    if all(plain) and not RESERVED & {*map(str.lower, names)}:
        assert spelled == names


@pytest.mark.parametrize(
    ("names", "spelled"),
    [
        (["Größe", "naïve"], ["layer_1_Gro_e", "naive"]),
        (["a b", "a_b", "a-b"], ["a_b", "a_b_2", "a_b_3"]),
        (["a_b_2", "a b", "a-b"], ["a_b_2", "a_b", "a_b_3"]),
        (["空", "海", "layer 2"], ["layer_1", "layer_2", "layer_2_3"]),
        (["Depth", "mask", "rgba"], ["layer_Depth", "layer_mask", "layer_rgba"]),
        (["!!!", "7"], ["layer_1", "layer_7"]),
    ],
)
def test_how_channels_are_spelled(names: list[str], spelled: list[str]) -> None:
    assert as_channel_names([unicodedata.normalize("NFC", name) for name in names]) == spelled


def test_given_names_are_those_of_the_caller_or_of_the_result(rng: np.random.Generator) -> None:
    plain = random_result(rng, 6, 9, 2)
    named = replace(plain, names=["sky", "cat"])
    assert given_names(plain, None) is None
    assert given_names(named, None) == ["sky", "cat"]
    assert given_names(named, ["a", "b"]) == ["a", "b"]
    with pytest.raises(ValueError, match="names: expected 2"):
        given_names(named, ["a"])


@pytest.mark.parametrize("suffix", ["", ".psd", ".ora", ".exr", ".html", ".tif", ".json"])
def test_every_format_takes_them_from_the_result(
    suffix: str, tmp_path: Path, rng: np.random.Generator
) -> None:
    if suffix == ".psd":
        pytest.importorskip("psd_tools")
    plain = replace(random_result(rng, 24, 32, 2))  # whose colors are not given
    named = replace(plain, names=["sky", "cat"])
    for folder, result, options in (("by", named, {}), ("given", plain, {"names": ["sky", "cat"]})):
        (tmp_path / folder).mkdir()
        save(tmp_path / folder / f"a{suffix}", result, **options)
    written, expected = (
        {path.name: path.read_bytes() for path in (tmp_path / folder).rglob("*") if path.is_file()}
        for folder in ("by", "given")
    )
    assert written == expected
    assert any(b"cat" in content or "cat" in name for name, content in written.items())
