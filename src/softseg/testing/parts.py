"""What affinities, eigensolvers, preconditioners and extractors have in common: a part with parameters."""

from __future__ import annotations

import dataclasses
import math
from typing import Any, ClassVar

import numpy as np
import pytest

from softseg._registry import Registry
from softseg.testing.parameters import (
    check_hashable,
    check_refusal,
    declared,
    find_refusal,
    parameters,
    with_parameters,
)

# The factors that make other values of a float: one larger and one smaller, both far from rounding. Chosen by
# the project's own tests.
ABOVE = 2
BELOW = 0.7


class PartCase:
    """The tests of a part as a frozen dataclass whose parameters are checked, printed, compared and used.

    A test case for a kind of parts inherits from it, and overrides the fixture `part` and what begins with an
    underscore.

    Attributes
    ----------
    others : dict of str to object
        Another valid value of a parameter, by name.
    """

    others: ClassVar[dict[str, object]] = {}

    # Whether `others` must have a value of every parameter that is not declared a float. If not, parameters
    # without one are left as they are.
    _asks_for_all_others: ClassVar[bool] = True

    @pytest.fixture
    def part(self) -> Any:
        """Return the part to be tested."""
        raise NotImplementedError

    def _compute(self, part: Any) -> list[np.ndarray]:
        """Return what the part makes of some small input."""
        raise NotImplementedError

    def _read_back(self, part: Any) -> Any:
        """Return what the part's repr stands for."""
        raise NotImplementedError

    def _find_fault(self, computed: list[np.ndarray]) -> str | None:
        """Return what is wrong with what a part made of any input at all; None if nothing is."""
        return None if all(np.isfinite(array).all() for array in computed) else "it is not finite"

    def _differ(self, computed: list[np.ndarray], usual: list[np.ndarray]) -> bool:
        """Return whether two parts made different things of the same input."""
        return not all(map(np.array_equal, computed, usual))

    def test_is_immutable(self, part: Any) -> None:
        for name, value in parameters(part).items():
            with pytest.raises(dataclasses.FrozenInstanceError):
                setattr(part, name, value)

    def test_compares_by_value(self, part: Any) -> None:
        assert part == with_parameters(part)
        assert hash(part) == hash(with_parameters(part))
        for name in self._varied(part):
            other = self._other(part, name, ABOVE)
            assert part != with_parameters(part, **{name: other})
            assert with_parameters(part, **{name: other}) == with_parameters(part, **{name: other})

    def test_repr_can_be_pasted_back(self, part: Any) -> None:
        for printed in self._variants(part):
            read = self._read_back(printed)
            assert type(read) is type(printed)
            for name, value in parameters(printed).items():
                again = parameters(read)[name]
                assert again == value, f"{name} is {value!r}, and is read back from {printed!r} as {again!r}"
            assert read == printed

    def test_every_parameter_matters(self, part: Any) -> None:
        usual = self._compute(part)
        for name in self._varied(part):
            other = self._other(part, name, BELOW)
            if not self._differ(self._compute(with_parameters(part, **{name: other})), usual):
                pytest.fail(
                    f"{name} does not change the result: {other!r} gives the same as "
                    f"{parameters(part)[name]!r}; if another value does change it, others must have that"
                )

    @pytest.mark.parametrize("value", [float("nan"), float("inf"), "much", None, True, 1j])
    def test_bad_parameters_are_named(self, part: Any, value: object) -> None:
        for name in declared(part, float, int):
            error = find_refusal(part, name, value)
            if error is None:
                pytest.fail(
                    f"{type(part).__name__}({name}={value!r}) was let through: expected a TypeError or "
                    f"ValueError with a message that begins '{name}: expected' and speaks of a number"
                )
            check_refusal(part, name, value, error, rf"{name}: expected [^\n]*(number|integer)[^\n]*")

    @pytest.mark.parametrize("sign", [0, -1])
    def test_zero_and_negative_values_are_refused_by_name_or_work(self, part: Any, sign: int) -> None:
        # Nobody but the author knows whether they are valid. But what is accepted must work.
        for name in declared(part, float, int):
            value = sign * abs(parameters(part)[name] or 1)
            error = find_refusal(part, name, value)
            if error is not None:
                check_refusal(part, name, value, error, rf"{name}: [^\n]+")
            else:
                self._check_that_it_works(with_parameters(part, **{name: value}), f"{name}={value!r}")

    def _check_that_it_works(self, part: Any, changed: str) -> None:
        accepted = f"{type(part).__name__}({changed}) was let through, but what it computes is no use"
        try:
            fault = self._find_fault(self._compute(part))
        except Exception as error:
            pytest.fail(f"{accepted}: {type(error).__name__}: {error}")
        if fault is not None:
            pytest.fail(f"{accepted}: {fault}")

    def _varied(self, part: Any) -> list[str]:
        """Return the names of the parameters that are given other values."""
        known = list(parameters(part))
        for name in self.others:
            if name not in known:
                pytest.fail(f"others: expected names among {', '.join(known) or 'none'}, got {name!r}")
        if self._asks_for_all_others:
            return known
        return [name for name in known if name in self.others or name in declared(part, float)]

    def _other(self, part: Any, name: str, factor: float) -> Any:
        """Return another valid value of a parameter: the one given, or a multiple."""
        value = parameters(part)[name]
        if name in self.others:
            other = self.others[name]
            check_hashable(f"others[{name!r}]", other)
        elif name in declared(part, float):
            other = factor * value
        else:
            pytest.fail(
                f"others: expected another valid value of {name}, which is not declared a float: "
                f"others = {{{name!r}: ...}}"
            )
        if other == value:
            pytest.fail(f"others: expected another valid value of {name} than {value!r}")
        return other

    def _variants(self, part: Any) -> list[Any]:
        """Return the part, one with all parameters changed, and one whose floats need all their digits."""
        others = {name: self._other(part, name, ABOVE) for name in self._varied(part)}
        # Of two neighbors among the doubles, one at most is a number of 15 digits or fewer.
        digits = {
            name: math.nextafter(parameters(part)[name], others[name]) for name in declared(part, float)
        }
        return [part, with_parameters(part, **others), with_parameters(part, **digits)]


def check_registered(kind: type, registry: Registry[Any], register: str) -> None:
    """Fail, and say how to register it, unless a class is registered under its own name.

    Parameters
    ----------
    kind : type
        The class.
    registry : Registry
        Where it should be.
    register : str
        What a script calls to register it, such as ``"softseg.affinity.register"``.
    """
    name = kind.__name__
    if name not in registry:
        pytest.fail(
            f"{name} is not registered, so that what it prints cannot be read back: write "
            f"@{register}({name!r}) above the class, or give your package an entry point "
            f"{name!r} of the group 'softseg.{registry.kind}'"
        )
    if registry[name] is not kind:
        pytest.fail(f"{name}: another class, {registry[name]!r}, is registered under this name")
