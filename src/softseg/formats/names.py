"""What layers are called in files: by number, by place or as they are given, and spelled as files allow."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence, Set
from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import Float

if TYPE_CHECKING:
    from softseg.layers.stack import Decomposition

# The most characters of a name. Photoshop's names have at most 255 and OpenEXR's channels at most 255 bytes,
# with what programs and this module put before and behind them.
LONGEST_NAME = 200
# The most bytes of a name within the name of a file, of the 255 that most file systems allow.
LONGEST_IN_FILE = 150
# The most characters of a layer's name in OpenEXR: Blender cuts all of a channel's name after 63.
LONGEST_IN_CHANNEL = 50
# Layers that Nuke keeps for itself and renames ("Reserved Channels" in its manual), in small letters.
RESERVED = {
    *("rgba", "depth", "forward", "backward", "deep", "disparityl", "disparityr"),
    *("mask", "rotopaint_mask", "mask_planartrack", "mask_splinewarp"),
}
# What cannot stand in the name of a file on Windows, which allows least (Microsoft, "Naming Files, Paths,
# and Namespaces"). Control characters cannot either, but no name has them.
NOT_IN_FILES = re.compile(r'[<>:"/\\|?*]')
# Characters that are no part of a line of text, by Unicode category: control characters, which line breaks
# are, separators of lines and paragraphs, and halves of characters, which no encoding has. XML, which
# OpenRaster is written in, has no place for the two characters either.
NO_TEXT, NOT_IN_XML = {"Cc", "Zl", "Zp", "Cs"}, {"\ufffe", "\uffff"}
# The categories of characters that show nothing by themselves: spaces, and what joins or directs others.
UNSEEN = {"Zs", "Cf"}
# Below this opacity, half a step of 8 bits, nothing is there.
INVISIBLE = 0.5 / 255
# What the thirds of a photo are called, by how far down and how far to the right they are.
ROWS, COLUMNS = ("top", "", "bottom"), ("left", "", "right")
# The mean opacity along an edge of the photo from which a layer reaches it, and how many edges a layer
# reaches that lies behind the others: the sky above a town reaches three. Chosen by the project.
REACHES, EDGES = 0.5, 3


def numbered_names(count: int) -> list[str]:
    """Return names that say nothing but the layers' numbers, which are the same for every photo.

    Examples
    --------
    >>> from softseg.formats.names import numbered_names
    >>> numbered_names(2)
    ['layer 1', 'layer 2']
    """
    return [f"layer {layer + 1}" for layer in range(count)]


def layer_names(result: Decomposition) -> list[str]:
    """Return names that say where the layers are: ``1 largest, back``, ``2 bottom left``, ``3 center``.

    A name begins with the layer's number, so that no two are equal. The one that covers most of the photo is
    the ``largest``. A layer that reaches three edges of the photo is at the ``back``. Any other is where its
    center of mass is, in one of nine fields. One of which nothing is seen is ``empty``, and one that hides
    all others is the ``whole photo``.

    Parameters
    ----------
    result : SoftSegmentation
        K layers.

    Returns
    -------
    list of str, length K
        In the order of ``result.alphas``.

    Examples
    --------
    >>> import numpy as np
    >>> from softseg import LayerStack
    >>> from softseg.formats import layer_names
    >>> alphas = np.zeros((30, 30, 3), dtype=np.float32)
    >>> alphas[..., 0] = 1
    >>> alphas[2:9, 20:28] = (0, 1, 0)
    >>> layer_names(LayerStack(np.zeros((30, 30, 3)), alphas))
    ['1 largest, back', '2 top right', '3 empty']
    """
    areas = result.alphas.mean(axis=(0, 1), dtype=float)
    largest = int(areas.argmax())
    names = []
    for layer in range(len(areas)):
        place = _find_place(result.alphas[:, :, layer])
        is_special = layer == largest and place != "whole photo"
        names.append(f"{layer + 1} {'largest, ' if is_special else ''}{place}")
    return names


def _find_place(alpha: Float[np.ndarray, "H W"]) -> str:
    """Return where a layer is, in a word or two."""
    if alpha.max() < INVISIBLE:
        return "empty"
    if alpha.min() > 1 - INVISIBLE:
        return "whole photo"
    edges = (alpha[0], alpha[-1], alpha[:, 0], alpha[:, -1])
    if sum(float(edge.mean()) >= REACHES for edge in edges) >= EDGES:
        return "back"
    down, right = (_find_third(alpha.sum(axis=axis, dtype=float)) for axis in (1, 0))
    return " ".join(filter(None, (ROWS[down], COLUMNS[right]))) or "center"


def _find_third(masses: Float[np.ndarray, " n"]) -> int:
    """Return in which third the center of mass is: 0, 1 or 2."""
    center = (masses @ (np.arange(masses.size) + 0.5)) / (masses.sum() * masses.size)
    return min(int(3 * center), 2)


def checked_names(names: Any, count: int) -> list[str]:
    """Return the names that a caller gave for the layers, and raise unless every format can have them.

    Parameters
    ----------
    names : iterable of str
        One for each layer, in the order of ``result.alphas``. Spaces around them are dropped, and letters
        with accents are spelled as one character (Unicode's NFC).
    count : int
        The number of layers.

    Raises
    ------
    TypeError
        If it is one text, or anything else that is not texts in an order.
    ValueError
        If there are more or fewer names than layers; if two are equal; or if one is empty, longer than 200
        characters, or not a line of text.

    Examples
    --------
    >>> from softseg.formats.names import checked_names
    >>> checked_names(["sky", "le café"], 2)
    ['sky', 'le café']
    >>> checked_names(["sky", "sky"], 2)
    Traceback (most recent call last):
    ValueError: names[1]: expected a name that no other layer has, got 'sky' again
    """
    if isinstance(names, str | bytes | Mapping | Set) or not isinstance(names, Iterable):
        raise TypeError(f"names: expected a list of {count} texts, got {type(names).__name__}")
    listed = list(names)
    checked: list[str] = []
    for place, name in enumerate(listed):
        checked.append(_check_name(f"names[{place}]", name))
        if checked[-1] in checked[:-1]:
            raise ValueError(
                f"names[{place}]: expected a name that no other layer has, got {checked[-1]!r} again"
            )
    if len(checked) != count:
        raise ValueError(f"names: expected {count}, one for each layer, got {len(checked)}")
    return checked


def given_names(result: Decomposition, names: Any) -> list[str] | None:
    """Return what a caller calls the layers, or what the result does; None if nobody has named them.

    Parameters
    ----------
    result : SoftSegmentation
        K layers, which may have ``names``.
    names : iterable of str, optional
        What a writer was given.

    Raises
    ------
    TypeError, ValueError
        As `checked_names` does.
    """
    chosen = getattr(result, "names", None) if names is None else names
    return None if chosen is None else checked_names(chosen, result.alphas.shape[2])


def _check_name(where: str, name: Any) -> str:
    if not isinstance(name, str):
        raise TypeError(f"{where}: expected a text, got {type(name).__name__}")
    trimmed = unicodedata.normalize("NFC", name.strip(" "))
    if any(unicodedata.category(letter) in NO_TEXT or letter in NOT_IN_XML for letter in trimmed):
        raise ValueError(f"{where}: expected one line of text, without control characters, got {name!r}")
    if all(unicodedata.category(letter) in UNSEEN for letter in trimmed):
        raise ValueError(f"{where}: expected a name, got {name!r}")
    if len(trimmed) > LONGEST_NAME:
        raise ValueError(f"{where}: expected at most {LONGEST_NAME} characters, got {len(trimmed)}")
    return trimmed


def within_file_name(name: str) -> str:
    """Return a layer's name as a part of a file's name, on any system; it may become empty.

    Reserved names such as ``CON`` are not looked for: something must stand before it. It is cut so that
    some hundred bytes are left for that.

    Examples
    --------
    >>> from softseg.formats.names import within_file_name
    >>> within_file_name("hair/fur: 空?.")
    'hair_fur_ 空_'
    """
    safe = NOT_IN_FILES.sub("_", name)
    cut = safe.encode()[:LONGEST_IN_FILE].decode(errors="ignore")
    return cut.strip(" .")


def as_channel_names(names: Sequence[str]) -> list[str]:
    """Return layers' names of ASCII letters, digits and underscores, which is all that Nuke allows.

    Accents are dropped, and long names cut. A name with letters of which nothing is left, as of Chinese ones,
    gets ``layer_`` and the layer's number before it; one that starts with a digit or that Nuke keeps for
    itself, ``layer_`` alone. Names that would be equal get the layer's number behind them.

    Examples
    --------
    >>> from softseg.formats.names import as_channel_names
    >>> as_channel_names(["le café", "空", "空 far", "4 largest, back", "mask", "le_café"])
    ['le_cafe', 'layer_2', 'layer_3_far', 'layer_4_largest_back', 'layer_mask', 'le_cafe_6']
    """
    made: list[str] = []
    for number, name in enumerate(names, start=1):
        letters = [_spell(letter) for letter in name]
        spelled = re.sub("_+", "_", "".join(letter or "_" for letter in letters))
        spelled = spelled[:LONGEST_IN_CHANNEL].strip("_")
        if not spelled or not all(letters):
            spelled = f"layer_{number}_{spelled}".rstrip("_")
        elif spelled[0].isdigit() or spelled.lower() in RESERVED:
            spelled = f"layer_{spelled}"
        while spelled in made:
            spelled = f"{spelled}_{number}"
        made.append(spelled)
    return made


def _spell(letter: str) -> str:
    """Return a letter or digit in ASCII, an underscore for anything else; nothing if it has no such form."""
    plain = unicodedata.normalize("NFKD", letter).encode("ascii", "ignore").decode()
    spelled = re.sub("[^A-Za-z0-9]", "_", plain)
    return spelled if spelled or letter.isalnum() else "_"
