"""The test cases, inherited outside of softseg: what is right passes, what is wrong fails at the right test.

All of ``outside`` runs in one pytest of its own, far from softseg's configuration and fixtures.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from xml.etree import ElementTree

import pytest

OUTSIDE = Path(__file__).parent / "outside"

# Of the classes whose tests take LAPACK a while, on matrices of more than 1000 pixels: the tests that matter.
INDEFINITE = "test_against_lapack_on_an_indefinite_laplacian"
MOST_NEGATIVE = "test_the_most_negative_come_first_however_large_they_are"
NOT_CONVERGED = "test_says_that_it_did_not_converge"
DEFINITE = "test_is_symmetric_positive_definite_above_the_shift[of a scene]"
SMOOTH = "test_starts_smooth[by hand]"
CHOSEN = {
    "eigensolvers.py::TestLanczos": (INDEFINITE, MOST_NEGATIVE, NOT_CONVERGED),
    "eigensolvers.py::TestSmallestMagnitude": (INDEFINITE, MOST_NEGATIVE, NOT_CONVERGED),
    "eigensolvers.py::TestRaising": (INDEFINITE, NOT_CONVERGED),
    "eigensolvers.py::TestBoasting": (INDEFINITE, NOT_CONVERGED),
    "eigensolvers.py::TestSilent": (NOT_CONVERGED,),
    "eigensolvers.py::TestNeverAskedNotToConverge": (NOT_CONVERGED,),
    "preconditioners.py::TestSparseInverse": (DEFINITE, SMOOTH),
    "preconditioners.py::TestLopsidedInverse": (DEFINITE, SMOOTH),
    "preconditioners.py::TestRoughStart": (SMOOTH,),
}
SELECTED = [
    *("affinities.py", "extractors.py", "file_formats.py"),
    *(f"{name}::{test}" for name, tests in CHOSEN.items() for test in tests),
]


@dataclass
class Outcomes:
    """What became of a class's tests: their names without parameters, and what pytest said."""

    passed: set[str] = field(default_factory=set)
    skipped: dict[str, str] = field(default_factory=dict)
    failed: dict[str, str] = field(default_factory=dict)


@pytest.fixture(scope="module")
def outcomes(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Outcomes]:
    """Run all that is outside, and return the outcomes by class, such as "affinities.TestMutable"."""
    folder = tmp_path_factory.mktemp("outside")
    for file in OUTSIDE.glob("*.py"):
        shutil.copy(file, folder)
    report = folder / "report.xml"
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", f"--junitxml={report}", *SELECTED],
        cwd=folder,
        # LAPACK's threads wait for each other where other work keeps the cores busy.
        env={**environment, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "OPENBLAS_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1, done.stdout + done.stderr  # tests failed; all could be run
    found: dict[str, Outcomes] = {}
    for case in ElementTree.parse(report).iter("testcase"):
        outcome = found.setdefault(case.attrib["classname"], Outcomes())
        name = case.attrib["name"].partition("[")[0]
        said = {part.tag: f"{part.get('message')}\n{part.text}" for part in case}
        if "skipped" in said:
            outcome.skipped[name] = said["skipped"]
        elif "failure" in said or "error" in said:
            outcome.failed[name] = said.get("failure", "") + said.get("error", "")
        else:
            outcome.passed.add(name)
    return found


@pytest.mark.parametrize(
    ("right", "least"),
    [
        ("affinities.TestStepAffinity", 12),
        ("affinities.TestRegionAffinity", 12),
        ("extractors.TestPowers", 8),
        ("file_formats.TestORA", 11),
        ("eigensolvers.TestLanczos", 3),
        ("preconditioners.TestSparseInverse", 2),
    ],
)
def test_what_is_right_passes(outcomes: dict[str, Outcomes], right: str, least: int) -> None:
    assert outcomes[right].failed == outcomes[right].skipped == {}
    assert len(outcomes[right].passed) >= least


AGAINST_ORACLE = {
    "test_matches_slow_loops",
    "test_matches_slow_loops_on_ugly_images",
    "test_matches_slow_loops_on_ugly_superpixels",
}


@pytest.mark.parametrize(
    ("wrong", "failed", "message"),
    [
        (
            "affinities.TestAsymmetric",
            {"test_is_a_symmetric_float64_csr_array_over_the_pixels"},
            "abs(matrix - matrix.T).max() == 0",
        ),
        ("affinities.TestMutable", {"test_is_immutable"}, "FrozenInstanceError"),
        ("affinities.TestAgainstAWrongOracle", AGAINST_ORACLE, "Not equal to tolerance"),
        ("affinities.TestWithoutAnOracle", AGAINST_ORACLE, "override oracle"),
        (
            "affinities.TestUnregistered",
            {"test_is_registered", "test_repr_can_be_pasted_back"},
            "@softseg.affinity.register('Unregistered')",
        ),
        (
            "affinities.TestStepAffinityWithoutOthers",
            {"test_compares_by_value", "test_every_parameter_matters", "test_repr_can_be_pasted_back"},
            "others: expected another valid value of reach",
        ),
        (
            "affinities.TestCareless",
            {"test_every_parameter_matters", "test_bad_parameters_are_named"},
            "",
        ),
        ("extractors.TestRows", {"test_one_color_gives_one_vector"}, "Not equal to tolerance"),
        ("extractors.TestDoubles", {"test_one_finite_float32_vector_per_pixel"}, "float64"),
        (
            "extractors.TestInPlace",
            {"test_accepts_a_read_only_image", "test_repeats_and_leaves_the_image_alone"},
            "",
        ),
        ("file_formats.TestInPlace", {"test_a_full_disk_leaves_what_was_there"}, ""),
        ("file_formats.TestSentence", {"test_says_in_a_short_phrase_what_it_is"}, "a phrase, not a sentence"),
        (
            "file_formats.TestLastLayer",
            {
                "test_holds_the_result",
                "test_hard_layers",
                "test_names_of_any_kind",
                "test_replaces_what_was_there",
            },
            "Not equal to tolerance",
        ),
        (
            "eigensolvers.TestSmallestMagnitude",
            {MOST_NEGATIVE},
            "Not equal to tolerance",
        ),
        (
            "eigensolvers.TestRaising",
            {NOT_CONVERGED},
            "lets ArpackNoConvergence out",
        ),
        ("eigensolvers.TestBoasting", {NOT_CONVERGED}, "says that it converged"),
        ("eigensolvers.TestSilent", {NOT_CONVERGED}, "solve did not warn"),
        (
            "preconditioners.TestLopsidedInverse",
            {"test_is_symmetric_positive_definite_above_the_shift"},
            "Not equal to tolerance",
        ),
        ("preconditioners.TestRoughStart", {"test_starts_smooth"}, ""),
    ],
)
def test_what_is_wrong_fails_where_it_is_wrong(
    outcomes: dict[str, Outcomes], wrong: str, failed: set[str], message: str
) -> None:
    assert set(outcomes[wrong].failed) == failed
    assert all(message in said for said in outcomes[wrong].failed.values())


def test_a_format_that_is_not_registered_is_told_how_to_be(outcomes: dict[str, Outcomes]) -> None:
    assert (
        "call softseg.formats.register('.unregistered'"
        in (outcomes["file_formats.TestUnregistered"].failed["test_is_registered"])
    )


def test_an_affinity_that_is_no_dataclass_is_told_to_be(outcomes: dict[str, Outcomes]) -> None:
    said = outcomes["affinities.TestNoDataclass"].failed["test_is_immutable"]
    assert "NoDataclass: expected a frozen dataclass" in said


def test_a_solver_without_an_unconverging_one_is_skipped_there(outcomes: dict[str, Outcomes]) -> None:
    outcome = outcomes["eigensolvers.TestNeverAskedNotToConverge"]
    assert not outcome.failed
    assert "unconverging() names no solver" in outcome.skipped[NOT_CONVERGED]


def test_pytest_rewrites_the_assertions(outcomes: dict[str, Outcomes]) -> None:
    # Only rewritten assertions say what stood on the left.
    said = outcomes["extractors.TestDoubles"].failed["test_one_finite_float32_vector_per_pixel"]
    assert "where dtype('float64') = array(" in said


def test_importing_imports_no_pytest() -> None:
    code = (
        "import sys, softseg, softseg.testing; assert 'AffinityCase' in dir(softseg.testing);"
        "print('pytest' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert done.stdout.strip() == "False"
