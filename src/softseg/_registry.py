"""Things of one kind by name: affinities, extractors, eigensolvers, preconditioners, file formats.

Every kind is open in the same three ways: one line in the table of its room, for what softseg brings itself;
`register`, for what a script defines; and an entry point of the group ``softseg.<kind>``, for what an
installed package brings.
"""

from __future__ import annotations

import ast
import importlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import cached_property
from importlib.metadata import EntryPoint, entry_points
from typing import Any, Generic, TypeVar, overload

Thing = TypeVar("Thing")


class Registry(Generic[Thing]):
    """Things of one kind by name; each is imported when it is first asked for.

    Parameters
    ----------
    kind : str
        What they are, in the plural, as in the entry points' group: ``"affinities"``.
    argument : str
        What error messages call a name: ``"affinity"``.
    table : mapping of str to str
        What softseg brings: names, and where the things are, as ``"package.module:attribute"``.

    Examples
    --------
    >>> from softseg._registry import Registry
    >>> numbers = Registry("numbers", "number", {"pi": "math:pi"})
    >>> numbers.register("two", 2)
    2
    >>> numbers.names(), numbers["pi"]
    (('pi', 'two'), 3.141592653589793)
    """

    def __init__(self, kind: str, argument: str, table: Mapping[str, str]) -> None:
        self.kind = kind
        self.argument = argument
        self._known: dict[str, Any] = {name: _Reference(where) for name, where in table.items()}

    @overload
    def register(self, name: str) -> Callable[[Thing], Thing]: ...
    @overload
    def register(self, name: str, thing: Thing | str) -> Any: ...
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
        """
        if name in self._known or name in self._installed:
            raise ValueError(f"name: expected one that is not taken, got {name!r}")
        if thing is None:
            return lambda decorated: self.register(name, decorated)
        self._known[name] = _Reference(thing) if isinstance(thing, str) else thing
        return thing

    def names(self) -> tuple[str, ...]:
        """Return all names, sorted."""
        return tuple(sorted({*self._known, *self._installed}))

    def __iter__(self) -> Iterator[str]:
        return iter(self.names())

    def __contains__(self, name: object) -> bool:
        return name in self._known or name in self._installed

    def __getitem__(self, name: str) -> Thing:
        """Return what a name stands for.

        Raises
        ------
        ValueError
            If there is nothing of that name; the message lists the names there are.
        """
        if name not in self:
            raise ValueError(f"{self.argument}: expected one of {', '.join(self.names())}, got {name!r}")
        if name not in self._known:
            self._known[name] = self._installed[name].load()
        if isinstance(self._known[name], _Reference):
            self._known[name] = self._known[name].load()
        return self._known[name]

    @cached_property
    def _installed(self) -> dict[str, EntryPoint]:
        return {entry.name: entry for entry in entry_points(group=f"softseg.{self.kind}")}


def parse(text: str, registries: Iterable[Registry[Any]]) -> Any:
    """Return the object that an expression over registered names stands for.

    An expression is a call of a registered name with numbers, strings or further such expressions as
    arguments, or a sum of expressions, or one times a number. Nothing else is evaluated.

    Parameters
    ----------
    text : str
        Such as ``"MattingAffinity(epsilon=1e-6) + 0.01 * ColorAffinity()"``.
    registries : iterable of Registry
        Where names are looked up. The first one's ``argument`` stands before messages.

    Raises
    ------
    ValueError
        In one line, if the text is no such expression or its parameters are out of range.
    TypeError
        If a name does not take such parameters.

    Examples
    --------
    >>> from softseg._registry import Registry, parse
    >>> parse("2 * Fraction(1, 3)", [Registry("numbers", "number", {"Fraction": "fractions:Fraction"})])
    Fraction(2, 3)
    """
    registries = tuple(registries)
    argument = registries[0].argument
    try:
        tree = ast.parse(text.strip(), mode="eval").body
    except (SyntaxError, ValueError, MemoryError, RecursionError):
        raise ValueError(
            f"{argument}: expected a sum of terms such as {_example(registries[0])}, got {text!r}"
        ) from None
    return _Evaluation(argument, registries).value(tree)


class _Reference:
    """Where something is, as ``"package.module:attribute"``."""

    def __init__(self, where: str) -> None:
        if where.count(":") != 1:
            raise ValueError(f"factory: expected 'package.module:name', got {where!r}")
        self.where = where

    def load(self) -> Any:
        module, _, attribute = self.where.partition(":")
        return getattr(importlib.import_module(module), attribute)


class _Evaluation:
    """The value of an expression, part by part."""

    def __init__(self, argument: str, registries: tuple[Registry[Any], ...]) -> None:
        self.argument = argument
        self.registries = registries

    def value(self, node: ast.expr) -> Any:
        match node:
            case ast.Constant(value=int() | float() | str() | None):
                return node.value
            case ast.UnaryOp(op=ast.USub()):
                return self._checked(node, lambda: -self.value(node.operand))
            case ast.Tuple() | ast.List():
                return tuple(self.value(element) for element in node.elts)
            case ast.BinOp(op=ast.Add()):
                return self._checked(node, lambda: self.value(node.left) + self.value(node.right))
            case ast.BinOp(op=ast.Mult()):
                return self._checked(node, lambda: self.value(node.left) * self.value(node.right))
            case ast.Call(func=ast.Name(id=name)):
                return self._called(name, node)
            case ast.Name(id=name) if name in ("inf", "nan"):
                return float(name)
            case _:
                raise ValueError(
                    f"{self.argument}: expected calls of {self._names()} with plain values, their sums and "
                    f"multiples, got {ast.unparse(node)}"
                )

    def _called(self, name: str, node: ast.Call) -> Any:
        registry = next((registry for registry in self.registries if name in registry), None)
        if registry is None:
            raise ValueError(f"{self.argument}: expected one of {self._names()}, got {name}")
        if any(keyword.arg is None for keyword in node.keywords):
            raise ValueError(f"{self.argument}: expected named parameters, got {ast.unparse(node)}")
        values = [self.value(part) for part in node.args]
        named = {str(part.arg): self.value(part.value) for part in node.keywords}
        try:
            return registry[name](*values, **named)
        except (TypeError, ValueError) as error:
            raise type(error)(f"{self.argument}: {ast.unparse(node)}: {error}") from None

    def _checked(self, node: ast.expr, operation: Callable[[], Any]) -> Any:
        try:
            return operation()
        except TypeError:
            raise ValueError(
                f"{self.argument}: expected terms that add and scale, got {ast.unparse(node)}"
            ) from None

    def _names(self) -> str:
        return ", ".join(name for registry in self.registries for name in registry.names())


def _example(registry: Registry[Any]) -> str:
    return " + ".join(f"{name}()" for name in registry.names()[:2])
