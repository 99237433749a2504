"""How layers are ordered, colored and described."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from softseg.result import SoftSegmentation


def back_to_front(result: SoftSegmentation) -> tuple[int, ...]:
    """Return the layers' indices from back to front: the largest first."""
    return tuple(int(k) for k in (-result.alphas.sum(axis=(0, 1))).argsort(kind="stable"))


def description(result: SoftSegmentation) -> str:
    """Return one line that says how many layers of which size a result has."""
    height, width, layers = result.alphas.shape
    return f"<SoftSegmentation: {layers} layers of {width}x{height} pixels>"
