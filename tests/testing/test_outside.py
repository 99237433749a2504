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

# Of a part as a frozen dataclass.
IMMUTABLE = "test_is_immutable"
COMPARED = "test_compares_by_value"
PRINTED = "test_repr_can_be_pasted_back"
REGISTERED = "test_is_registered"
BAD = "test_bad_parameters_are_named"
ZERO = "test_zero_and_negative_values_are_refused_by_name_or_work"
MATTERS = "test_every_parameter_matters"
PART = (IMMUTABLE, COMPARED, PRINTED, REGISTERED, BAD, ZERO, MATTERS)
# The tests that need the parameters, of a part that has none which is declared a number.
WITH_PARAMETERS = {IMMUTABLE, COMPARED, PRINTED, MATTERS}
FINGERPRINT = "test_other_parameters_have_another_fingerprint"

# Of a file format. On Windows, those of `POSIX_ONLY` are skipped in part, or find nothing wrong.
FULL_DISK = "test_a_full_disk_leaves_what_was_there"
PERMISSIONS = "test_the_usual_permissions"
INTERRUPTED = "test_an_interruption_leaves_what_was_there"
POSIX_ONLY = {FULL_DISK, PERMISSIONS, INTERRUPTED}
UNCHANGED = "test_leaves_the_result_alone"
OPTIONS = "test_every_option_matters"

# Of the classes whose tests take LAPACK a while, on matrices of more than 1000 pixels: the tests that matter.
INDEFINITE = "test_against_lapack_on_an_indefinite_laplacian"
MOST_NEGATIVE = "test_the_most_negative_come_first_however_large_they_are"
NOT_CONVERGED = "test_says_that_it_did_not_converge"
DEFINITE = "test_is_symmetric_positive_definite_above_the_shift[of a scene]"
SMOOTH = "test_starts_smooth[by hand]"
CHOSEN = {
    "eigensolvers.py::TestLanczos": (INDEFINITE, MOST_NEGATIVE, NOT_CONVERGED, *PART),
    "eigensolvers.py::TestSmallestMagnitude": (INDEFINITE, MOST_NEGATIVE, NOT_CONVERGED),
    "eigensolvers.py::TestRaising": (INDEFINITE, NOT_CONVERGED),
    "eigensolvers.py::TestBoasting": (INDEFINITE, NOT_CONVERGED),
    "eigensolvers.py::TestSilent": (NOT_CONVERGED,),
    "eigensolvers.py::TestNeverAskedNotToConverge": (NOT_CONVERGED,),
    "eigensolvers.py::TestUnregistered": PART,
    "eigensolvers.py::TestCareless": PART,
    "eigensolvers.py::TestRounding": (PRINTED,),
    "eigensolvers.py::TestMute": (PRINTED,),
    "eigensolvers.py::TestUntested": (MATTERS,),
    "eigensolvers.py::TestNoDataclass": PART,
    "preconditioners.py::TestSparseInverse": (DEFINITE, SMOOTH, *PART),
    "preconditioners.py::TestLopsidedInverse": (DEFINITE, SMOOTH),
    "preconditioners.py::TestRoughStart": (SMOOTH,),
    "preconditioners.py::TestUnregistered": PART,
    "preconditioners.py::TestCarelessInverse": PART,
    "preconditioners.py::TestRoundingInverse": PART,
    "preconditioners.py::TestNoDataclass": PART,
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
            outcome.failed[name] = (
                outcome.failed.get(name, "") + said.get("failure", "") + said.get("error", "")
            )
        else:
            outcome.passed.add(name)
    return found


@pytest.mark.parametrize(
    ("right", "least"),
    [
        ("affinities.TestStepAffinity", 14),
        ("affinities.TestRegionAffinity", 14),
        ("extractors.TestPowers", 15),
        ("file_formats.TestORA", 14),
        ("eigensolvers.TestLanczos", 10),
        ("preconditioners.TestSparseInverse", 9),
    ],
)
def test_what_is_right_passes(outcomes: dict[str, Outcomes], right: str, least: int) -> None:
    assert outcomes[right].failed == {}
    assert outcomes[right].skipped.keys() <= (POSIX_ONLY if os.name == "nt" else set())
    assert len(outcomes[right].passed) >= least


AT_OTHERS = "test_matches_slow_loops_at_other_parameters"
AGAINST_ORACLE = {
    AT_OTHERS,
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
        ("affinities.TestMutable", {IMMUTABLE}, "FrozenInstanceError"),
        ("affinities.TestAgainstAWrongOracle", AGAINST_ORACLE, "Not equal to tolerance"),
        ("affinities.TestWithoutAnOracle", AGAINST_ORACLE, "override oracle"),
        ("affinities.TestAgainstAnOracleOfTheDefaults", {AT_OTHERS}, "Not equal to tolerance"),
        ("affinities.TestRightByDefault", {AT_OTHERS}, "RightByDefault(steepness="),
        (
            "affinities.TestUnregistered",
            {REGISTERED, PRINTED},
            "@softseg.affinity.register('Unregistered')",
        ),
        (
            "affinities.TestStepAffinityWithoutOthers",
            {AT_OTHERS, COMPARED, MATTERS, PRINTED},
            "others: expected another valid value of reach",
        ),
        (
            "affinities.TestMisspelledOthers",
            {AT_OTHERS, COMPARED, MATTERS, PRINTED},
            "others: expected names among steepness, reach, diagonal, weights, kind, got 'raech'",
        ),
        ("affinities.TestCareless", {MATTERS, BAD}, ""),
        ("affinities.TestRounding", {PRINTED}, "steepness is 5.000000000000001, and is read back from"),
        ("affinities.TestDividing", {ZERO}, "Dividing(scale=0.0) was let through, but what it computes"),
        ("affinities.TestUnnamed", {ZERO}, "Unnamed(steepness=-5.0): expected a message of one line like"),
        (
            "affinities.TestWithAnArray",
            {AT_OTHERS, *WITH_PARAMETERS},
            "weights: expected a value that can be hashed and compared, got ndarray: keep a tuple",
        ),
        (
            "affinities.TestOthersWithAnArray",
            {AT_OTHERS, COMPARED, MATTERS, PRINTED},
            "others['weights']: expected a value that can be hashed and compared, got ndarray: keep a tuple",
        ),
        ("extractors.TestRows", {"test_one_color_gives_one_vector"}, "Not equal to tolerance"),
        ("extractors.TestDoubles", {"test_one_finite_float32_vector_per_pixel"}, "float64"),
        (
            "extractors.TestInPlace",
            {"test_accepts_a_read_only_image", "test_repeats_and_leaves_the_image_alone"},
            "",
        ),
        ("extractors.TestUnregistered", {REGISTERED}, "call softseg.features.register(name, Unregistered)"),
        ("extractors.TestCareless", {BAD, MATTERS}, ""),
        ("extractors.TestRounding", {PRINTED, FINGERPRINT}, "2.0000000000000004"),
        (
            "file_formats.TestInPlace",
            {FULL_DISK, INTERRUPTED},
            "",
        ),
        ("file_formats.TestTidyAfterOSErrorOnly", {INTERRUPTED}, "leaves files behind"),
        ("file_formats.TestTidyUnlessInterrupted", {INTERRUPTED}, "KeyboardInterrupt leaves files behind"),
        ("file_formats.TestPrivate", {PERMISSIONS}, "384 == 420"),  # 0o600, 0o644
        ("file_formats.TestSmallLetters", {"test_names_of_any_kind"}, ""),
        ("file_formats.TestRoundsTheResult", {UNCHANGED}, "save changed result.alphas"),
        ("file_formats.TestSortsTheResiduals", {UNCHANGED}, "save changed result.eigenpairs.residuals"),
        ("file_formats.TestIgnoresASwitch", {OPTIONS}, "compress=True gives the same file as without it"),
        ("file_formats.TestIgnoresAnOption", {OPTIONS}, "quality=10 gives the same file as without it"),
        ("file_formats.TestIgnoresAnUnlistedOption", {OPTIONS}, "compress=True gives the same file"),
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
            "eigensolvers.TestUnregistered",
            {REGISTERED, PRINTED},
            "@softseg.eigen.register('Silent') above the class, or give your package an entry point 'Silent' "
            "of the group 'softseg.eigensolvers'",
        ),
        ("eigensolvers.TestCareless", {BAD, ZERO, MATTERS}, ""),
        ("eigensolvers.TestRounding", {PRINTED}, "tol is 1.0000000000000002e-06, and is read back from"),
        ("eigensolvers.TestMute", {PRINTED}, "iterations is 1, and is read back from Mute() as 1000"),
        (
            "preconditioners.TestUnregistered",
            {REGISTERED, PRINTED},
            "@softseg.eigen.register_preconditioner('RoughStart') above the class, or give your package an "
            "entry point 'RoughStart' of the group 'softseg.preconditioners'",
        ),
        ("preconditioners.TestCarelessInverse", {BAD, MATTERS}, ""),
        (
            "preconditioners.TestRoundingInverse",
            {PRINTED},
            "shift is 5.000000000000001, and is read back from",
        ),
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
    if os.name == "nt" and failed & POSIX_ONLY:
        pytest.skip("Windows has nothing to be wrong about")
    assert set(outcomes[wrong].failed) == failed
    assert all(message in said for said in outcomes[wrong].failed.values())


def test_a_format_that_is_not_registered_is_told_how_to_be(outcomes: dict[str, Outcomes]) -> None:
    assert (
        "call softseg.formats.register('.unregistered'"
        in (outcomes["file_formats.TestUnregistered"].failed["test_is_registered"])
    )


@pytest.mark.parametrize("file", ["affinities", "extractors", "eigensolvers", "preconditioners"])
def test_what_is_no_dataclass_is_told_to_be(outcomes: dict[str, Outcomes], file: str) -> None:
    failed = outcomes[f"{file}.TestNoDataclass"].failed
    assert failed.keys() >= {IMMUTABLE, COMPARED, PRINTED, BAD, ZERO, MATTERS}
    for name, said in failed.items():
        assert name == REGISTERED or "NoDataclass: expected a frozen dataclass" in said, name


@pytest.mark.parametrize(
    ("careless", "parameter"),
    [
        ("affinities.TestCareless", "steepness"),
        ("extractors.TestCareless", "exponent"),
        ("eigensolvers.TestCareless", "iterations"),
        ("preconditioners.TestCarelessInverse", "shift"),
    ],
)
def test_what_takes_anything_is_told_what_it_took(
    outcomes: dict[str, Outcomes], careless: str, parameter: str
) -> None:
    failed = outcomes[careless].failed
    for value in ("nan", "inf", "'much'", "None", "True", "1j"):
        assert f"({parameter}={value}) was let through: expected a TypeError or ValueError" in failed[BAD]
    assert "does not change" in failed[MATTERS]


def test_what_takes_zero_and_fails_is_told_so(outcomes: dict[str, Outcomes]) -> None:
    said = outcomes["eigensolvers.TestCareless"].failed[ZERO]
    for value in (0, -1000):
        assert f"Careless(iterations={value}) was let through, but what it computes is no use" in said
    assert "it is not finite" in outcomes["affinities.TestDividing"].failed[ZERO]


def test_parameters_that_could_not_be_tested_are_named(outcomes: dict[str, Outcomes]) -> None:
    said = outcomes["eigensolvers.TestUntested"].skipped[MATTERS]
    assert "others has no other value of iterations" in said


def test_options_that_could_not_be_tested_are_named(outcomes: dict[str, Outcomes]) -> None:
    outcome = outcomes["file_formats.TestORAWithoutOthers"]
    assert not outcome.failed
    assert "others has no other value of comment" in outcome.skipped[OPTIONS]


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
