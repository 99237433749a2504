"""Annotations that are checked at run time, as jaxtyping does while tests run, and how to do without."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from jaxtyping import config


@contextlib.contextmanager
def unchecked_annotations() -> Iterator[None]:
    """Stop checking annotations: what a caller gets for a wrong type is then the callee's own error.

    It does nothing where no import hook of jaxtyping is installed.

    Yields
    ------
    None
        Within the block, nothing checks annotations.

    Examples
    --------
    >>> from softseg import MattingAffinity
    >>> from softseg.testing import unchecked_annotations
    >>> with unchecked_annotations():
    ...     MattingAffinity(epsilon="small")
    Traceback (most recent call last):
    TypeError: epsilon: expected a number, got str
    """
    before = config.jaxtyping_disable
    config.update("jaxtyping_disable", True)
    try:
        yield
    finally:
        config.update("jaxtyping_disable", before)
