"""Affinities by name.

A new affinity is a file of its own, and its name comes into the registry by one line in this file, by a call
of `register`, or by an entry point. The name is that of the class, so that `Affinity.parse` can read back
what an affinity prints.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from softseg._registry import Registry, subclass_of

if TYPE_CHECKING:
    from softseg.affinity.base import Affinity

#: Classes of affinities by name: ``AFFINITIES["ColorAffinity"]`` is `softseg.ColorAffinity`, and iterating
#: gives the names. Each class is imported when it is first asked for. Scripts add to it by `register`, and
#: installed packages by entry points of the group ``softseg.affinities``.
AFFINITIES: Registry[type[Affinity]] = Registry(
    "affinities",
    "affinity",
    {
        "ColorAffinity": "softseg.affinity.color:ColorAffinity",
        "MattingAffinity": "softseg.affinity.matting:MattingAffinity",
        "SemanticAffinity": "softseg.affinity.semantic:SemanticAffinity",
    },
    check=subclass_of("softseg.affinity.base:Affinity"),
)

register = AFFINITIES.register
