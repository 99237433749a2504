"""Expressions over names: what is read, and above all what is not."""

from __future__ import annotations

import re
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np
import pytest

from softseg import Affinity, ColorAffinity, Eigensolver, MattingAffinity, Scene
from softseg._expressions import LONGEST_EXPRESSION, parse
from softseg._registry import Registry
from softseg.affinity import AFFINITIES
from softseg.eigen import LOBPCG, Multigrid, ShiftInvert


@pytest.fixture
def numbers() -> Registry[Any]:
    return Registry("numbers", "number", {"pi": "math:pi", "Fraction": "fractions:Fraction"})


def refusal(text: str, numbers: Registry[Any]) -> str:
    """Return what is said of an expression that is refused; nothing if it is read."""
    try:
        parse(text, [numbers])
    except ValueError as error:
        return str(error)
    return ""


class TestExpressions:
    @pytest.mark.parametrize(
        ("text", "value"),
        [
            ("Fraction(1, 3)", Fraction(1, 3)),
            ("Fraction(numerator=1, denominator=3)", Fraction(1, 3)),
            ("Fraction('1/3')", Fraction(1, 3)),
            ("Fraction(1, 2) + Fraction(1, 3) + 1", Fraction(11, 6)),
            ("2 * Fraction(1, 3)", Fraction(2, 3)),
            ("Fraction(1, 3) * 2", Fraction(2, 3)),
            ("2 * (Fraction(1, 3) + Fraction(1, 6))", Fraction(1)),
            ("-Fraction(1, 3)", Fraction(-1, 3)),
            ("-2 * Fraction(-1, 3)", Fraction(2, 3)),
            ("Fraction(Fraction(1, 2), Fraction(1, 3) * 2)", Fraction(3, 4)),
            ("  Fraction(1,\n3)\n", Fraction(1, 3)),
            ("1e-7", 1e-7),
            ("-inf", -np.inf),
            ("np.float64(1e-06)", 1e-6),
            ("None", None),
            ("True", True),
            ("(1, 'a', (2.5,))", (1, "a", (2.5,))),
            ("[1, 2]", (1, 2)),
        ],
    )
    def test_what_is_read(self, numbers: Registry[Any], text: str, value: object) -> None:
        read = parse(text, [numbers])
        assert read == value
        assert type(read) is type(value)

    def test_not_a_number(self, numbers: Registry[Any]) -> None:
        assert np.isnan(parse("nan", [numbers]))

    @pytest.mark.parametrize(
        ("text", "said"),
        [
            ("", "expected a sum of terms such as Fraction"),
            ("Fraction(", "expected a sum of terms such as Fraction"),
            ("x = 1", "expected a sum of terms such as Fraction"),
            ("1\n2", r"got '1\n2'"),
            ("\0", "expected a sum of terms such as Fraction"),
            ("tau(1)", "expected one of Fraction, pi, got tau"),
            ("tau", "expected calls of Fraction, pi with plain values, their sums and multiples, got tau"),
            ("Fraction(1).numerator", "got Fraction(1).numerator"),
            ("Fraction.from_float(0.5)", "got Fraction.from_float(0.5)"),
            ("Fraction(1).__class__.__mro__", "got Fraction(1).__class__.__mro__"),
            ("[x for x in (1, 2)]", "got [x for x in (1, 2)]"),
            ("{1: 2}", "got {1: 2}"),
            ("(1, 2)[0]", "got (1, 2)[0]"),
            ("(lambda: 1)()", "got (lambda: 1)()"),
            ("1 if 2 else 3", "got 1 if 2 else 3"),
            ("f'{Fraction(1)}'", "got f'{Fraction(1)}'"),
            ("Fraction(1) - Fraction(2)", "got Fraction(1) - Fraction(2)"),
            ("10 ** 10", "got 10 ** 10"),
            ("b'1'", "got b'1'"),
            ("1j", "got 1j"),
            ("...", "got ..."),
            ("(y := 1)", "got (y := 1)"),
            ("Fraction(*(1, 2))", "got *(1, 2)"),
            ("Fraction(**{'numerator': 1})", "expected named parameters, got Fraction(**{'numerator': 1})"),
            ("'a' + 'b'", "expected terms that add and scale, got 'a' + 'b'"),
            ("'a' * 3", "expected terms that add and scale, got 'a' * 3"),
            ("(1,) * 3", "expected terms that add and scale, got (1,) * 3"),
            ("-'a'", "expected terms that add and scale, got -'a'"),
            ("None + 1", "expected terms that add and scale, got None + 1"),
            ("Fraction(1, 0)", "Fraction(1, 0): Fraction(1, 0)"),
            ("Fraction('a\\nb')", "Invalid literal for Fraction"),
            ("1e308 * Fraction(1) * 10 + 1" + 400 * "0", "int too large"),
        ],
    )
    def test_what_is_refused(self, numbers: Registry[Any], text: str, said: str) -> None:
        with pytest.raises(ValueError, match=r"\Anumber: [^\n]*\Z") as caught:
            parse(text, [numbers])
        assert said in str(caught.value)

    @pytest.mark.parametrize("text", ["Fraction(a=1)", "Fraction(1, 2, 3, 4)", "Fraction([1])", "pi(1)"])
    def test_parameters_that_a_name_does_not_take(self, numbers: Registry[Any], text: str) -> None:
        with pytest.raises(TypeError, match=r"\Anumber: (Fraction|pi)\([^\n]*\): [^\n]+\Z"):
            parse(text, [numbers])

    @pytest.mark.parametrize("depth", [20, 150, 900, 4000, 100_000])
    @pytest.mark.parametrize(
        ("before", "after"), [("(", ")"), ("-", ""), ("1 + ", ""), ("Fraction(", ")"), ("[", "]")]
    )
    def test_nesting_is_refused_in_one_line_or_read(
        self, numbers: Registry[Any], depth: int, before: str, after: str
    ) -> None:
        said = refusal(depth * before + "1" + depth * after, numbers)
        assert depth > 20 or said == ""
        assert depth < 4000 or said
        assert re.fullmatch(r"|number: expected a sum of terms such as .{0,150}", said)

    def test_long_texts_are_not_even_parsed(
        self, numbers: Registry[Any], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("ast.parse", None)
        with pytest.raises(ValueError, match=r"\Anumber: expected a sum of terms .{0,150}\.\.\.\Z"):
            parse("1" + " " * LONGEST_EXPRESSION, [numbers])

    def test_nothing_is_called_that_is_not_registered(
        self, numbers: Registry[Any], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        called = []
        monkeypatch.setattr("os.system", lambda command: called.append(command))
        for text in ("__import__('os').system('ls')", "eval('1')", "os.system('ls')", "print(1)"):
            with pytest.raises(ValueError, match=r"\Anumber: "):
                parse(text, [numbers])
        assert called == []

    def test_an_error_of_a_kind_of_its_own_is_a_plain_one(self, numbers: Registry[Any]) -> None:
        # An error of unusual arguments cannot be made again of a message alone.
        numbers.register("decode", lambda: b"\xff".decode())
        with pytest.raises(ValueError, match=r"\Anumber: decode\(\): 'utf-8' codec") as caught:
            parse("decode()", [numbers])
        assert type(caught.value) is ValueError

    def test_names_of_several_registries(self, numbers: Registry[Any]) -> None:
        letters = Registry[Any]("letters", "letter", {"upper": "string:capwords"})
        assert parse("upper('a')", [numbers, letters]) == "A"
        with pytest.raises(ValueError, match=r"\Anumber: expected one of Fraction, pi, upper, got lower\Z"):
            parse("lower('A')", [numbers, letters])


class TestParts:
    """Registries of what may stand within a call, and nowhere else."""

    @pytest.fixture
    def digits(self) -> Registry[Any]:
        return Registry[Any]("digits", "denominator", {"abs": "builtins:abs"}, sums=False)

    def test_are_read(self, numbers: Registry[Any], digits: Registry[Any]) -> None:
        for text in ("Fraction(1, abs(-3))", "Fraction(1, denominator=abs(-3))"):
            assert parse(text, [numbers], parts=[digits]) == Fraction(1, 3)

    @pytest.mark.parametrize(
        ("text", "said"),
        [
            ("tau()", "number: expected one of Fraction, pi, got tau"),
            ("1 + 2 * tau()", "number: expected one of Fraction, pi, got tau"),
            ("Fraction(1, tau())", "number: expected one of Fraction, pi, abs, got tau"),
            ("Fraction(numerator=tau())", "number: expected one of Fraction, pi, abs, got tau"),
            ("Fraction(denominator=tau())", "number: denominator: expected one of abs, got tau"),
            ("Fraction(1) - 1", "number: expected calls of Fraction, pi with plain values, their sums and "),
            (
                "Fraction(denominator=abs)",
                "number: denominator: expected calls of abs with plain values, got abs; write abs()",
            ),
            (
                "Fraction(denominator=2 - 1)",
                "number: denominator: expected calls of abs with plain values, got 2 - 1",
            ),
        ],
    )
    def test_are_listed_only_where_they_fit(
        self, numbers: Registry[Any], digits: Registry[Any], text: str, said: str
    ) -> None:
        with pytest.raises(ValueError, match=rf"\A{re.escape(said)}[^\n]*\Z"):
            parse(text, [numbers], parts=[digits])

    def test_what_cannot_be_added_has_no_sum_as_its_example(self, digits: Registry[Any]) -> None:
        with pytest.raises(ValueError, match=r"\Adenominator: expected one such as abs\(\), got ''\Z"):
            parse("", [digits])


class TestAffinities:
    @pytest.mark.parametrize(
        "affinity",
        [
            MattingAffinity(epsilon=1e-3),
            MattingAffinity() + 0.01 * ColorAffinity(radius=0.3),
            -2 * (ColorAffinity() + MattingAffinity()),
        ],
    )
    def test_what_they_print_is_read(self, affinity: Affinity) -> None:
        assert Affinity.parse(repr(affinity)) == affinity

    @pytest.mark.parametrize("text", ["3", "None", "'MattingAffinity()'", "(MattingAffinity(),)"])
    def test_what_is_no_affinity(self, text: str) -> None:
        with pytest.raises(ValueError, match=r"\Aaffinity: expected a sum of affinities, got [^\n]*\Z"):
            Affinity.parse(text)

    @pytest.mark.parametrize(
        "text", ["MattingAffinity() + 1", "MattingAffinity() * ColorAffinity()", "-MattingAffinity()"]
    )
    def test_what_affinities_cannot_do(self, text: str) -> None:
        with pytest.raises(ValueError, match=r"\Aaffinity: expected terms that add and scale, got [^\n]*\Z"):
            Affinity.parse(text)

    def test_one_that_a_script_defines(self, monkeypatch: pytest.MonkeyPatch) -> None:
        @dataclass(frozen=True)
        class Nothing(Affinity):
            order: int = 0

            def matrix(self, scene: Scene) -> Any:
                raise NotImplementedError

        monkeypatch.setattr(AFFINITIES, "_known", dict(AFFINITIES._known))
        AFFINITIES.register("Nothing", Nothing)
        assert Affinity.parse("MattingAffinity() + 0.5 * Nothing(3)") == MattingAffinity() + 0.5 * Nothing(3)


class TestEigensolvers:
    def test_with_a_preconditioner_as_a_parameter(self) -> None:
        text = "LOBPCG(tol=1e-4, preconditioner=Multigrid())"
        assert Eigensolver.parse(text) == LOBPCG(tol=1e-4, preconditioner=Multigrid())
        assert Eigensolver.parse("ShiftInvert()") == ShiftInvert()

    @pytest.mark.parametrize("text", ["Multigrid()", "3"])
    def test_what_is_none(self, text: str) -> None:
        with pytest.raises(ValueError, match=r"\Aeigensolver: expected an eigensolver, got [^\n]*\Z"):
            Eigensolver.parse(text)

    @pytest.mark.parametrize("text", ["ShiftInvert", " ShiftInvert\n"])
    def test_a_name_alone_has_the_defaults(self, text: str) -> None:
        assert Eigensolver.parse(text) == ShiftInvert()

    @pytest.mark.parametrize(
        ("text", "names"),
        [
            ("Nonsense()", "LOBPCG, ShiftInvert"),
            ("LOBPCG(preconditioner=Nonsense())", "LocalInverse, Multigrid, ShiftedInverse"),
        ],
    )
    def test_messages_list_what_fits(self, text: str, names: str) -> None:
        with pytest.raises(ValueError, match=rf"\Aeigensolver: .*expected one of {names}, got Nonsense\Z"):
            Eigensolver.parse(text)


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("MattingAffinity", "; write MattingAffinity()"),
        ("MattingAffinity() - ColorAffinity()", "; write a + -1 * b"),
    ],
)
def test_common_slips_get_a_hint(text: str, hint: str) -> None:
    with pytest.raises(ValueError, match=re.escape(hint)):
        Affinity.parse(text)
