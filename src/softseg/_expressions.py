"""Objects that a text stands for: calls of registered names, their sums and multiples, and nothing else."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Any

from softseg._registry import Registry

# The longest expression that is read, in characters. A term prints as about a hundred, so this is far above
# any sum; it bounds what Python's parser has to take from a file of unknown origin. Chosen by the project's
# own tests.
LONGEST_EXPRESSION = 10_000

# How much of an expression an error message repeats, in characters: what fits on a line beside the message.
# Chosen by the project.
SHOWN = 80


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
    >>> from softseg._expressions import parse
    >>> from softseg._registry import Registry
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


def _give_example(registry: Registry[Any]) -> str:
    calls = [f"{name}()" for name in registry.names()[:2]]
    return f"a sum of terms such as {' + '.join(calls)}" if registry.sums else f"one such as {calls[0]}"


def _show(node: ast.expr) -> str:
    return _shorten(ast.unparse(node))


def _shorten(text: str) -> str:
    return text if len(text) <= SHOWN else f"{text[: SHOWN - 3]}..."
