"""Things by name: softseg's own, those that scripts register, and those of installed packages."""

from __future__ import annotations

import sys
from fractions import Fraction
from importlib.metadata import EntryPoint, EntryPoints
from typing import Any

import pytest

from softseg._registry import Reference, Registry, subclass_of

NOT_IMPORTED = "softseg.there_is_no_such_module:NOTHING"


@pytest.fixture
def numbers() -> Registry[Any]:
    return Registry("numbers", "number", {"pi": "math:pi", "Fraction": "fractions:Fraction"})


@pytest.fixture
def installed(monkeypatch: pytest.MonkeyPatch) -> list[EntryPoint]:
    """Return a list of entry points, to be filled, that is all that is installed."""
    entries: list[EntryPoint] = []

    def entry_points(group: str) -> EntryPoints:
        return EntryPoints(entry for entry in entries if entry.group == group)

    monkeypatch.setattr("softseg._registry.entry_points", entry_points)
    return entries


class TestReference:
    def test_loads_what_it_names(self) -> None:
        assert Reference("fractions:Fraction").load() is Fraction

    @pytest.mark.parametrize("where", ["", ":", "fractions", "fractions:", ":Fraction", "a:b:c"])
    def test_a_text_of_another_form(self, where: str) -> None:
        with pytest.raises(ValueError, match=rf"\Afactory: expected 'package.module:name', got '{where}'\Z"):
            Reference(where)


class TestRegistry:
    def test_what_is_in_the_table_is_there(self, numbers: Registry[Any]) -> None:
        assert "pi" in numbers
        assert "e" not in numbers
        assert numbers["Fraction"] is Fraction

    def test_names_are_sorted_and_iterating_keeps_the_order(self, numbers: Registry[Any]) -> None:
        numbers.register("e", 2.718)
        assert numbers.names() == ("Fraction", "e", "pi")
        assert list(numbers) == ["pi", "Fraction", "e"]

    def test_what_is_registered_is_returned(self, numbers: Registry[Any]) -> None:
        assert numbers.register("e", 2.718) == 2.718
        assert numbers["e"] == 2.718

    def test_decorates(self, numbers: Registry[Any]) -> None:
        @numbers.register("zero")
        def zero() -> int:
            return 0

        assert zero() == 0
        assert numbers["zero"] is zero

    def test_a_text_is_imported_when_it_is_first_asked_for(self, numbers: Registry[Any]) -> None:
        numbers.register("none", NOT_IMPORTED)
        numbers.register("text", "this:s")
        assert {"none", "text"} <= set(numbers.names())
        assert "this" not in sys.modules
        with pytest.raises(ModuleNotFoundError):
            numbers["none"]

    def test_everything_is_imported_once(self, numbers: Registry[Any], installed: list[EntryPoint]) -> None:
        installed.append(EntryPoint("random", "random:Random", "softseg.numbers"))
        for name in ("Fraction", "random"):
            assert numbers[name] is numbers[name]

    @pytest.mark.parametrize("name", ["pi", "installed"])
    def test_taken_names(self, numbers: Registry[Any], installed: list[EntryPoint], name: str) -> None:
        installed.append(EntryPoint("installed", "math:e", "softseg.numbers"))
        with pytest.raises(ValueError, match=rf"\Aname: expected one that is not taken, got '{name}'\Z"):
            numbers.register(name, 3)
        with pytest.raises(ValueError, match="not taken"):
            numbers.register(name)(3)

    def test_a_text_of_another_form_registers_nothing(self, numbers: Registry[Any]) -> None:
        with pytest.raises(ValueError, match=r"\Afactory: expected 'package.module:name', got 'no_colon'\Z"):
            numbers.register("other", "no_colon")
        assert "other" not in numbers

    def test_unknown_names_list_the_known_ones(self, numbers: Registry[Any]) -> None:
        with pytest.raises(ValueError, match=r"\Anumber: expected one of Fraction, pi, got 'tau'\Z"):
            numbers["tau"]


class TestEntryPoints:
    def test_those_of_the_kind_are_there(self, numbers: Registry[Any], installed: list[EntryPoint]) -> None:
        installed += [
            EntryPoint("tau", "math:tau", "softseg.numbers"),
            EntryPoint("e", "math:e", "softseg.numbers"),
            EntryPoint("inf", "math:inf", "softseg.letters"),
        ]
        assert numbers.names() == ("Fraction", "e", "pi", "tau")
        assert list(numbers) == ["pi", "Fraction", "e", "tau"]
        assert "inf" not in numbers
        assert numbers["e"] == pytest.approx(2.718, abs=1e-3)

    def test_softsegs_own_names_are_not_replaced(
        self, numbers: Registry[Any], installed: list[EntryPoint]
    ) -> None:
        installed.append(EntryPoint("pi", "math:e", "softseg.numbers"))
        assert numbers.names() == ("Fraction", "pi")
        assert numbers["pi"] == pytest.approx(3.14159, abs=1e-5)

    @pytest.mark.parametrize("where", [NOT_IMPORTED, "math:there_is_no_such_number"])
    def test_broken_ones_matter_only_to_who_asks_for_them(
        self, numbers: Registry[Any], installed: list[EntryPoint], where: str
    ) -> None:
        installed.append(EntryPoint("broken", where, "softseg.numbers"))
        assert "broken" in numbers.names()
        with pytest.raises(ImportError, match=rf"\Anumber: cannot import 'broken' from {where}: .*\Z"):
            numbers["broken"]

    @pytest.mark.usefixtures("installed")
    def test_reading_the_table_asks_for_no_package(self, numbers: Registry[Any]) -> None:
        assert numbers["pi"] == pytest.approx(3.14159, abs=1e-5)


def test_the_same_thing_may_be_registered_again() -> None:
    # A notebook's cell that ran twice makes the class anew.
    registry: Registry[object] = Registry("things", "thing", {})
    first, again = (type("Squared", (), {"__module__": "__main__"}) for _ in range(2))
    registry.register("Squared", first)
    registry.register("Squared", again)
    assert registry["Squared"] is again
    with pytest.raises(ValueError, match="expected one that is not taken, got 'Squared'"):
        registry.register("Squared", object())


def test_what_is_of_another_kind_is_refused_when_it_is_asked_for() -> None:
    classes: Registry[type] = Registry("errors", "error", {}, subclass_of("builtins:ValueError"))
    classes.register("good", UnicodeError)
    classes.register("bad", KeyError)
    classes.register("instance", 3)  # type: ignore[arg-type]
    assert classes["good"] is UnicodeError
    for name in ("bad", "instance"):
        with pytest.raises(TypeError, match=rf"\Aerror: expected a class of ValueError as '{name}', got "):
            classes[name]


def test_a_package_that_raises_anything_is_named_in_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    def give_up(entry: EntryPoint) -> None:
        raise RuntimeError("no such device")

    broken = EntryPoint("broken", "package:thing", "softseg.things")
    monkeypatch.setattr("softseg._registry.entry_points", lambda group: [broken])
    monkeypatch.setattr(EntryPoint, "load", give_up)
    registry: Registry[object] = Registry("things", "thing", {})
    with pytest.raises(
        ImportError, match=r"\Athing: cannot import 'broken' from package:thing: no such device\Z"
    ):
        registry["broken"]
