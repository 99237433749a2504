"""Things of one kind by name: affinities, extractors, eigensolvers, preconditioners, file formats.

Every kind is open in the same three ways: one line in the table of its package, for what softseg brings
itself; `register`, for what a script defines; and an entry point of the group ``softseg.<kind>``, for what an
installed package brings. Of equal names softseg's own and registered ones go before those of entry points.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterator, Mapping
from functools import cached_property
from importlib.metadata import entry_points
from typing import Any, Generic, TypeVar, overload

Thing = TypeVar("Thing")
Given = TypeVar("Given")


def subclass_of(where: str) -> Callable[[Any], str | None]:
    """Return a check for a registry of classes, which must extend the one at ``"package.module:name"``."""

    def check(thing: Any) -> str | None:
        base = Reference(where).load()
        return None if isinstance(thing, type) and issubclass(thing, base) else f"a class of {base.__name__}"

    return check


class Reference:
    """Where something is: a module, and a name in it.

    Parameters
    ----------
    where : str
        Such as ``"package.module:attribute"``.

    Raises
    ------
    ValueError
        If the text is not of this form.

    Examples
    --------
    >>> from softseg._registry import Reference
    >>> Reference("math:pi").load()
    3.141592653589793
    """

    def __init__(self, where: str) -> None:
        module, _, attribute = where.partition(":")
        if not module or not attribute or ":" in attribute:
            raise ValueError(f"factory: expected 'package.module:name', got {where!r}")
        self._module, self._attribute = module, attribute

    def load(self) -> Any:
        """Import the module and return what has that name there."""
        return getattr(importlib.import_module(self._module), self._attribute)


class Registry(Generic[Thing]):
    """Things of one kind by name; each is imported when it is first asked for.

    Iterating gives the names in the order in which they were registered, then those of entry points.

    Parameters
    ----------
    kind : str
        What they are, in the plural, as in the entry points' group: ``"affinities"``.
    argument : str
        What error messages call a name: ``"affinity"``.
    table : mapping of str to str
        What softseg brings: names, and where the things are, as ``"package.module:attribute"``.
    check : callable, optional
        Is given a thing that was registered, when it is first asked for. It returns what was expected in its
        place, for the error message, or None if the thing is right.
    sums : bool
        Whether what the things make can be added and scaled, which error messages then say.
    called : str
        What the names are called where things are registered: the argument that error messages name.

    Examples
    --------
    >>> from softseg._registry import Registry
    >>> numbers = Registry("numbers", "number", {"pi": "math:pi"})
    >>> numbers.register("e", 2.718)
    2.718
    >>> numbers.names(), numbers["pi"]
    (('e', 'pi'), 3.141592653589793)
    """

    def __init__(
        self,
        kind: str,
        argument: str,
        table: Mapping[str, str],
        check: Callable[[Any], str | None] = lambda _: None,
        sums: bool = True,
        called: str = "name",
    ) -> None:
        self.kind = kind
        self.argument = argument
        self.sums = sums
        self.called = called
        self._check = check
        self._known: dict[str, Any] = {name: Reference(where) for name, where in table.items()}

    @overload
    def register(self, name: str) -> Callable[[Given], Given]: ...
    @overload
    def register(self, name: str, thing: Given) -> Given: ...
    def register(self, name: str, thing: Any = None) -> Any:
        """Make something available by name; as ``@register(name)`` it decorates a class or function.

        Parameters
        ----------
        name : str
            A name not yet taken.
        thing : object or str, optional
            What the name stands for, or where it is, as ``"package.module:attribute"``: it is then imported
            when it is first asked for.

        Returns
        -------
        object
            The thing itself, or the decorator.

        Raises
        ------
        ValueError
            If the name is taken, or a string is not of the form above.

        Examples
        --------
        >>> import softseg
        >>> @softseg.affinity.register("Neighbors")  # doctest: +SKIP
        ... class Neighbors(softseg.Affinity): ...
        >>> softseg.features.register("contrast", "my_package.contrast:Contrast")  # doctest: +SKIP
        >>> softseg.eigen.register("LOBPCG", "my_package.eigen:LOBPCG")
        Traceback (most recent call last):
        ValueError: name: expected one that is not taken, got 'LOBPCG'
        """
        if thing is None:
            return lambda decorated: self.register(name, decorated)
        if name in self and not self._is_anew(name, thing):
            raise ValueError(f"{self.called}: expected one that is not taken, got {name!r}")
        self._known[name] = Reference(thing) if isinstance(thing, str) else thing
        return thing

    def names(self) -> tuple[str, ...]:
        """Return all names, sorted."""
        return tuple(sorted(self))

    def __iter__(self) -> Iterator[str]:
        return iter({**self._known, **self._installed})

    def __contains__(self, name: object) -> bool:
        return name in self._known or name in self._installed

    def __getitem__(self, name: str) -> Thing:
        """Return what a name stands for.

        Raises
        ------
        ValueError
            If there is nothing of that name; the message lists the names there are.
        ImportError
            If what has that name cannot be imported.
        """
        if name not in self:
            raise ValueError(f"{self.argument}: expected one of {', '.join(self.names())}, got {name!r}")
        if name not in self._known:
            self._known[name] = self._load_installed(name)
        if isinstance(self._known[name], Reference):
            self._known[name] = self._known[name].load()
        expected = self._check(self._known[name])
        if expected is not None:
            raise TypeError(f"{self.argument}: expected {expected} as {name!r}, got {self._known[name]!r}")
        return self._known[name]

    def _load_installed(self, name: str) -> Any:
        entry = self._installed[name]
        try:
            return entry.load()
        except Exception as error:  # whatever a package raises that softseg does not know
            raise ImportError(
                f"{self.argument}: cannot import {name!r} from {entry.value}: {error}"
            ) from error

    def _is_anew(self, name: str, thing: Any) -> bool:
        """Say whether what has this name may be replaced, because it is the same thing, made anew.

        A notebook's cell that runs twice makes a class anew. A package may have an entry point, and register
        its class as well when it is imported.
        """
        where = _find_place(thing)
        if where is None:
            return False
        if name in self._known:
            return where.startswith("__main__:") and where == _find_place(self._known[name])
        return where == self._installed[name].value

    @cached_property
    def _installed(self) -> Mapping[str, Any]:
        # Their type is that of importlib_metadata instead, once something has imported it, as Dask does.
        found = entry_points(group=f"softseg.{self.kind}")
        return {entry.name: entry for entry in sorted(found, key=lambda entry: entry.name)}


def _find_place(thing: Any) -> str | None:
    """Return where a class or function is, as ``"package.module:attribute"``; None for anything else."""
    if not hasattr(thing, "__qualname__"):
        return None
    return f"{thing.__module__}:{thing.__qualname__}"
