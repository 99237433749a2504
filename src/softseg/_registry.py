"""Things of one kind by name: affinities, extractors, eigensolvers, preconditioners, file formats.

Every kind is open in the same three ways: one line in the table of its package, for what softseg brings
itself; `register`, for what a script defines; and an entry point of the group ``softseg.<kind>``, for what an
installed package brings. Of equal names softseg's own and registered ones go before those of entry points.
"""

from __future__ import annotations

import ast
import importlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from importlib.metadata import entry_points
from typing import Any, Generic, TypeVar, overload

Thing = TypeVar("Thing")
Given = TypeVar("Given")

# The longest expression that is read, in characters. A term prints as about a hundred, so this is far above
# any sum; it bounds what Python's parser has to take from a file of unknown origin. Chosen by the project's
# own tests.
LONGEST_EXPRESSION = 10_000

# How much of an expression an error message repeats, in characters: what fits on a line beside the message.
# Chosen by the project.
SHOWN = 80


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
    ) -> None:
        self.kind = kind
        self.argument = argument
        self.sums = sums
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
        """
        if thing is None:
            return lambda decorated: self.register(name, decorated)
        if name in self and not self._is_anew(name, thing):
            raise ValueError(f"name: expected one that is not taken, got {name!r}")
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


def parse(text: str, registries: Iterable[Registry[Any]], parts: Iterable[Registry[Any]] = ()) -> Any:
    """Return the object that an expression over registered names stands for.

    An expression is a call of a registered name with numbers, strings or further such expressions as
    arguments, or a sum of expressions, or one times a number. Nothing else is evaluated.

    Parameters
    ----------
    text : str
        Such as ``"MattingAffinity(epsilon=1e-6) + 0.01 * ColorAffinity()"``.
    registries : iterable of Registry
        Where names are looked up. The first one's ``argument`` stands before messages.
    parts : iterable of Registry
        Where names are looked up as well: what may be given to a call. Messages list the names of such a
        registry only where a parameter is called like its ``argument``, or may be of any kind.

    Raises
    ------
    ValueError
        In one line, if the text is no such expression or its parameters are out of range.
    TypeError
        In one line, if a name does not take such parameters.

    Examples
    --------
    >>> from softseg._registry import Registry, parse
    >>> parse("2 * Fraction(1, 3)", [Registry("numbers", "number", {"Fraction": "fractions:Fraction"})])
    Fraction(2, 3)
    """
    registries, parts = tuple(registries), tuple(parts)
    argument = registries[0].argument
    no_expression = ValueError(
        f"{argument}: expected {_give_example(registries[0])}, got {_shorten(repr(text))}"
    )
    if len(text) > LONGEST_EXPRESSION:
        raise no_expression
    try:
        tree = ast.parse(text.strip(), mode="eval").body
    except (SyntaxError, ValueError, MemoryError, RecursionError):
        raise no_expression from None
    try:
        return _Evaluation(argument, registries, registries, parts).evaluate(tree)
    except RecursionError:
        raise no_expression from None


@dataclass(frozen=True)
class _Evaluation:
    """The value of an expression, part by part.

    Attributes
    ----------
    argument : str
        What stands before messages.
    expected : tuple of Registry
        Whose names messages list.
    registries, parts : tuple of Registry
        Where names are looked up.
    """

    argument: str
    expected: tuple[Registry[Any], ...]
    registries: tuple[Registry[Any], ...]
    parts: tuple[Registry[Any], ...]

    def evaluate(self, node: ast.expr) -> Any:
        match node:
            case ast.Constant(value=int() | float() | str() | None):
                return node.value
            case ast.Name(id="inf" | "nan" as name):  # as Python prints them
                return float(name)
            case ast.Call(func=ast.Attribute(value=ast.Name(id="np")), args=[number], keywords=[]):
                return self.evaluate(number)  # as NumPy prints its scalars: np.float64(1e-06)
            case ast.Tuple() | ast.List():
                return tuple(self.evaluate(element) for element in node.elts)
            case ast.UnaryOp(op=ast.USub()):
                return self._compute(node, lambda x: -x, node.operand)
            case ast.BinOp(op=ast.Add()):
                return self._compute(node, lambda x, y: x + y, node.left, node.right)
            case ast.BinOp(op=ast.Mult()):
                return self._compute(node, lambda x, y: x * y, node.left, node.right)
            case ast.Call(func=ast.Name(id=name)):
                return self._call(name, node)
            case _:
                forms = "with plain values" + self._can_be_added * ", their sums and multiples"
                raise ValueError(
                    f"{self.argument}: expected calls of {self._list_names()} {forms}, "
                    f"got {_show(node)}{self._hint(node)}"
                )

    def _call(self, name: str, node: ast.Call) -> Any:
        registry = self._find_registry(name)
        if registry is None:
            raise ValueError(f"{self.argument}: expected one of {self._list_names()}, got {_shorten(name)}")
        if any(keyword.arg is None for keyword in node.keywords):
            raise ValueError(f"{self.argument}: expected named parameters, got {_show(node)}")
        values = [self._within().evaluate(part) for part in node.args]
        named = {str(part.arg): self._within(part.arg).evaluate(part.value) for part in node.keywords}
        try:
            return registry[name](*values, **named)
        except (TypeError, ValueError, ArithmeticError) as error:
            kind = TypeError if isinstance(error, TypeError) else ValueError
            raise kind(f"{self.argument}: {_show(node)}: {' '.join(str(error).split())}") from None

    def _within(self, parameter: str | None = None) -> _Evaluation:
        """Return what evaluates a call's parameter. Its name may say of which kind it must be."""
        kind = tuple(registry for registry in self.parts if registry.argument == parameter)
        if kind:
            return replace(self, argument=f"{self.argument}: {parameter}", expected=kind)
        return replace(self, expected=self.registries + self.parts)

    def _compute(self, node: ast.expr, operation: Callable[..., Any], *operands: ast.expr) -> Any:
        values = [self.evaluate(operand) for operand in operands]
        # Python repeats texts and tuples when they are multiplied, without a bound.
        if not any(isinstance(value, str | tuple) for value in values):
            try:
                return operation(*values)
            except TypeError:
                pass
            except ArithmeticError as error:
                raise ValueError(f"{self.argument}: {_show(node)}: {error}") from None
        raise ValueError(f"{self.argument}: expected terms that add and scale, got {_show(node)}")

    def _hint(self, node: ast.expr) -> str:
        match node:
            case ast.Name(id=name) if self._find_registry(name) is not None:
                return f"; write {name}()"
            case ast.BinOp(op=ast.Sub()) if self._can_be_added:
                return "; write a + -1 * b for a - b"
            case _:
                return ""

    def _find_registry(self, name: str) -> Registry[Any] | None:
        return next((registry for registry in self.registries + self.parts if name in registry), None)

    @property
    def _can_be_added(self) -> bool:
        return any(registry.sums for registry in self.expected)

    def _list_names(self) -> str:
        return ", ".join(name for registry in self.expected for name in registry.names())


def _find_place(thing: Any) -> str | None:
    """Return where a class or function is, as ``"package.module:attribute"``; None for anything else."""
    if not hasattr(thing, "__qualname__"):
        return None
    return f"{thing.__module__}:{thing.__qualname__}"


def _give_example(registry: Registry[Any]) -> str:
    calls = [f"{name}()" for name in registry.names()[:2]]
    return f"a sum of terms such as {' + '.join(calls)}" if registry.sums else f"one such as {calls[0]}"


def _show(node: ast.expr) -> str:
    return _shorten(ast.unparse(node))


def _shorten(text: str) -> str:
    return text if len(text) <= SHOWN else f"{text[: SHOWN - 3]}..."
