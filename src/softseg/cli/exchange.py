"""What is asked of each photo, and what comes back: both are sent from one machine to another, and small."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import softseg
from softseg.cli.recipe import make_recipe

# What keeps one photo or one output from being done, and no other, and says in its message what is wrong.
# Anything else is a defect, of which a line says little.
FAILURES = (MemoryError, OSError, TypeError, ValueError, RuntimeError, ArithmeticError, EOFError)


@dataclass(frozen=True)
class Request:
    """What is asked of every photo.

    Attributes
    ----------
    options : dict
        What `softseg.segment` is given besides the photo.
    recipe : dict
        All that the result depends on besides the photo, as JSON can hold it. If it is another than what an
        output was made from, the photo is done again.
    force : bool
        Whether photos that are finished are done again, and whatever is there is replaced.
    quiet : bool
        Whether nothing but warnings and errors is printed.
    reading : dict
        What `softseg.read_photo` is told.
    writing : dict
        What writers of outputs are told, if they take it.
    report : {"text", "json", "none"}
        What is printed of the results: lines for a person, or objects for a program, or nothing.
    """

    options: dict[str, Any]
    recipe: dict[str, Any]
    force: bool
    quiet: bool
    reading: dict[str, Any] = field(default_factory=dict)
    writing: dict[str, Any] = field(default_factory=dict)
    report: str = "text"

    @classmethod
    def of(
        cls,
        options: Mapping[str, Any],
        reading: Mapping[str, Any],
        writing: Mapping[str, Any],
        here: bool,
        **manner: Any,
    ) -> Request:
        """Return what is asked, with the recipe that follows from it.

        Parameters
        ----------
        options, reading, writing
            As above.
        here : bool
            Whether this machine does the work. If it lacks what that needs, an error says so now.
        **manner
            ``force``, ``quiet`` and ``report``.
        """
        settings = options.get("settings")
        published = settings is not None and settings == softseg.PUBLISHED
        recipe = make_recipe(
            {
                "features": None,
                **options,
                **reading,
                "max_pixels": None,  # how large a file may be does not change what comes of it
                "settings": "published" if published else settings,
            },
            here,
        )
        return cls(dict(options), recipe, reading=dict(reading), writing=dict(writing), **manner)


class End(enum.Enum):
    """How a photo ended."""

    DONE = "done"
    BEFORE = "finished before"
    FAILED = "failed"


@dataclass(frozen=True)
class Done:
    """What became of a photo, in words: small enough to be sent from one machine to another.

    Attributes
    ----------
    end : End
        How it ended.
    why : str
        In a line, which photo failed and why; empty if it did not.
    report : str
        What was written, in a line or a few; may be empty.
    defect : str
        The traceback, if it failed because softseg has a defect.
    photo : str
        Which it was.
    facts : dict
        What was written and how long it took, as JSON can hold it; empty unless a program is to be told.
    """

    end: End
    why: str = ""
    report: str = ""
    defect: str = ""
    photo: str = ""
    facts: dict[str, Any] = field(default_factory=dict)
