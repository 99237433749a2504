"""The test case that every eigensolver inherits and must pass."""

from __future__ import annotations

import functools
import warnings
from typing import ClassVar

import numpy as np
import pytest
from scipy import linalg, sparse

from softseg.affinity import MattingAffinity, SemanticAffinity
from softseg.eigen import EIGENSOLVERS, Eigenpairs, Eigensolver
from softseg.grid import Laplacian
from softseg.scene import Scene
from softseg.testing.annotations import unchecked_annotations
from softseg.testing.parameters import find_refusal, parameters, with_parameters
from softseg.testing.parts import ABOVE, BELOW, PartCase, check_registered
from softseg.testing.scenes import scene_with_a_disk

# Images of more than 1000 pixels, most of them not square: fewer are solved densely, without the solver.
Y, X = np.mgrid[:27, :38]
IMAGES = {
    "black": np.zeros((27, 38, 3)),
    "gray ramp": np.repeat(X[:, :, None] / 37, 3, axis=2),
    "two colors": np.where((X + Y < 30)[:, :, None], (1.0, 0.0, 0.0), (0.0, 0.0, 1.0)),
    "noise": np.random.default_rng(3).random((27, 38, 3)),
    "strip": np.random.default_rng(4).random((3, 340, 3)),
    "gray levels": np.repeat((X // 5)[:, :, None] / 7, 3, axis=2),
}
# How many pairs are asked for: far fewer than a quarter of the pixels, from which on images are solved
# densely too. Chosen by the project's own tests.
K = 12
# The weight of the semantic affinity in a Laplacian with a few slightly negative eigenvalues, and in one with
# several far below zero. Chosen by the tests below, which check that it is so.
REPULSION = 0.05
STRONG_REPULSION = 0.5
# The factors that make other values of a float which must matter. A tolerance may have to change much before
# an iteration takes another number of steps. Chosen by the project's own tests.
FACTORS = (BELOW, ABOVE, 1e-3, 1e3)


class EigensolverCase(PartCase):
    """Inherit, name the class ``Test...``, set the tolerances, and override the fixture `solver`.

    Override `unconverging` too, if the solver can fail to converge. A solver is a frozen dataclass
    (`Eigensolver` says what else it must be) that is registered under its own name
    (`softseg.eigen.register`). The tests use images of more than 1000 pixels, because smaller ones never
    reach it.

    Parameters are checked as `AffinityCase` says. A float must change the pairs when it is multiplied by 0.7,
    2, 0.001 or 1000; only the multiples by 0.7 and 2 must be valid. A parameter of another type is tested if
    `others` or `unconverging` has another value of it.

    Attributes
    ----------
    value_tolerance : float
        How far an eigenvalue may be off, over the largest magnitude among those asked for.
    vector_tolerance : float
        Largest 1 - cos of the angle between a true eigenvector and the span of those found.
    others : dict of str to object
        Another valid value of a parameter, by name: optional, except of a float of which no multiple changes
        the pairs, or whose multiples are not valid. It must change the pairs that `solver` or `unconverging`
        finds.

    Examples
    --------
    >>> import pytest
    >>> from softseg.eigen import LOBPCG, LocalInverse
    >>> from softseg.testing import EigensolverCase
    >>> class TestLOBPCG(EigensolverCase):
    ...     value_tolerance = 5e-3
    ...     vector_tolerance = 0.01
    ...
    ...     @pytest.fixture
    ...     def solver(self):
    ...         return LOBPCG()
    ...
    ...     def unconverging(self):
    ...         return LOBPCG(tol=1e-12, max_iterations=1, preconditioner=LocalInverse())
    >>> TestLOBPCG().test_compares_by_value(LOBPCG())          # pytest calls all of them
    """

    value_tolerance: float
    vector_tolerance: float
    others: ClassVar[dict[str, object]] = {}
    _asks_for_all_others = False

    @pytest.fixture
    def solver(self) -> Eigensolver:
        """Return the solver, with parameters that let it meet the tolerances."""
        raise NotImplementedError("override the fixture solver: it returns the eigensolver to be tested")

    @pytest.fixture
    def part(self, solver: Eigensolver) -> Eigensolver:
        """Return the solver, for the tests that all kinds of parts have in common."""
        return solver

    def unconverging(self) -> Eigensolver | None:
        """Return a solver of the same class that cannot converge.

        For example one that is allowed a single iteration. A solver that gives up must return what it has,
        with ``converged=False``: `Eigensolver.solve` then warns.

        Returns
        -------
        Eigensolver or None
            None if every solver of the class converges.
        """
        return None

    @pytest.fixture
    def laplacian(self) -> Laplacian:
        """Return an indefinite one: the disk's rim repels."""
        return repelling_laplacian(REPULSION)

    def check(self, pairs: Eigenpairs, laplacian: Laplacian, k: int = K) -> None:
        """Compare pairs with LAPACK's, and fail if they differ by more than the tolerances.

        Parameters
        ----------
        pairs : Eigenpairs
            What the solver found.
        laplacian : Laplacian
            What it was given.
        k : int
            How many pairs it was asked for.
        """
        n = laplacian.matrix.shape[0]
        values, vectors = linalg.eigh(laplacian.matrix.toarray(), subset_by_index=[0, k])
        assert pairs.converged
        assert pairs.values.shape == pairs.residuals.shape == (k,)
        assert pairs.vectors.shape == (n, k)
        assert (np.diff(pairs.values) >= 0).all()
        np.testing.assert_allclose(pairs.vectors.T @ pairs.vectors, np.eye(k), rtol=0, atol=1e-8)
        scale = np.abs(values[:k]).max()
        rounding = 1e-13 * abs(laplacian.matrix).max()
        np.testing.assert_allclose(
            pairs.values, values[:k], rtol=0, atol=self.value_tolerance * scale + rounding
        )
        # Vectors whose values lie in a cluster with ones beyond the k are anybody's choice.
        distinct = values[:k] < values[k] - 0.1 * scale
        cosines = np.linalg.norm(pairs.vectors.T @ vectors[:, :k][:, distinct], axis=0)
        assert (cosines > 1 - self.vector_tolerance).all()

    def test_against_lapack_on_an_indefinite_laplacian(
        self, solver: Eigensolver, laplacian: Laplacian
    ) -> None:
        pairs = solver.solve(laplacian, K, rng=0)
        assert (pairs.values[:2] < -1e-6).any()
        self.check(pairs, laplacian)

    def test_the_most_negative_come_first_however_large_they_are(self, solver: Eigensolver) -> None:
        # The smallest eigenvalues are meant algebraically. Here the K of smallest magnitude, which a shift
        # near zero would find, leave out the most negative one, and several others.
        laplacian = repelling_laplacian(STRONG_REPULSION)
        values = np.linalg.eigvalsh(laplacian.matrix.toarray())
        assert values[0] < values[1] < values[2] < -np.sort(np.abs(values))[K - 1]
        for seed in range(3):  # an iteration that misses one of a cluster misses it for some seeds
            self.check(solver.solve(laplacian, K, rng=seed), laplacian)

    @pytest.mark.parametrize("image", IMAGES)
    def test_against_lapack_on_ugly_images(self, solver: Eigensolver, image: str) -> None:
        laplacian = MattingAffinity().laplacian(Scene(IMAGES[image]))
        self.check(solver.solve(laplacian, K, rng=0), laplacian)

    def test_as_many_as_asked_for_where_an_image_has_nothing_to_tell(self, solver: Eigensolver) -> None:
        laplacian = MattingAffinity().laplacian(Scene(IMAGES["black"]))
        self.check(solver.solve(laplacian, k=100), laplacian, k=100)

    def test_against_lapack_on_a_matrix_made_by_hand(self, solver: Eigensolver, laplacian: Laplacian) -> None:
        by_hand = Laplacian(laplacian.matrix, laplacian.shape)
        self.check(solver.solve(by_hand, K, rng=0), by_hand)

    def test_against_lapack_on_a_graph_in_two_pieces(self, solver: Eigensolver) -> None:
        path = sparse.diags_array([[1.0] * 37] * 2, offsets=[-1, 1])
        grid = sparse.csr_array(sparse.kronsum(path, sparse.diags_array([[1.0] * 13] * 2, offsets=[-1, 1])))
        degree = sparse.diags_array(grid.sum(axis=1))
        pieces = Laplacian(sparse.block_diag([degree - grid] * 2), shape=(28, 38))
        self.check(solver.solve(pieces, K, rng=0), pieces)

    def test_scale_does_not_matter(self, solver: Eigensolver, laplacian: Laplacian) -> None:
        tiny = Laplacian(1e-6 * laplacian.matrix, laplacian.shape, laplacian.near_null)
        self.check(solver.solve(tiny, K, rng=0), tiny)

    def test_residuals_are_true(self, solver: Eigensolver, laplacian: Laplacian) -> None:
        pairs = solver.solve(laplacian, K)
        remainder = laplacian.matrix @ pairs.vectors - pairs.vectors * pairs.values
        # Rounding of products with entries of up to 30.
        np.testing.assert_allclose(pairs.residuals, np.linalg.norm(remainder, axis=0), rtol=1e-6, atol=1e-12)

    def test_says_that_it_did_not_converge(self, laplacian: Laplacian) -> None:
        solver = self.unconverging()
        if solver is None:
            pytest.skip("unconverging() names no solver that cannot converge: override it if there is one")
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            try:
                pairs = solver.solve(laplacian, K)
            except Exception as error:
                pytest.fail(
                    f"{solver!r} lets {type(error).__name__} out ({error}): expected what was found, with "
                    "converged=False"
                )
        assert not pairs.converged, f"{solver!r} says that it converged"
        assert any("converge" in str(warning.message) for warning in caught), "solve did not warn"
        # There may be fewer than were asked for, but they belong together.
        found = len(pairs.values)
        assert 0 < found <= K
        assert pairs.residuals.shape == (found,)
        assert pairs.vectors.shape == (laplacian.matrix.shape[0], found)
        assert all(np.isfinite(part).all() for part in (pairs.values, pairs.vectors, pairs.residuals))
        # Here residuals are far above rounding, so that zeros in their place show; and vectors have length 1.
        remainder = laplacian.matrix @ pairs.vectors - pairs.vectors * pairs.values
        np.testing.assert_allclose(
            pairs.residuals, np.linalg.norm(remainder, axis=0), rtol=1e-4, atol=1e-9, err_msg="residuals"
        )
        np.testing.assert_allclose(np.linalg.norm(pairs.vectors, axis=0), 1, rtol=1e-4, err_msg="lengths")

    def test_same_rng_same_bits_whatever_the_global_state(
        self, solver: Eigensolver, laplacian: Laplacian
    ) -> None:
        found = []
        for callers_seed, rng in enumerate([None, 0, np.random.default_rng(0)]):
            np.random.seed(callers_seed)  # noqa: NPY002
            found.append(solver.solve(laplacian, K, rng))
            left = np.random.random()  # noqa: NPY002
            np.random.seed(callers_seed)  # noqa: NPY002
            assert left == np.random.random()  # noqa: NPY002
        for pairs in found[1:]:
            assert np.array_equal(pairs.values, found[0].values)
            assert np.array_equal(pairs.vectors, found[0].vectors)

    def test_any_seed_finds_them(self, solver: Eigensolver, laplacian: Laplacian) -> None:
        self.check(solver.solve(laplacian, K, rng=123), laplacian)

    def test_leaves_the_laplacian_alone(self, solver: Eigensolver, laplacian: Laplacian) -> None:
        assert laplacian.near_null is not None
        before = laplacian.matrix.copy(), laplacian.near_null.copy()
        solver.solve(laplacian, K)
        assert np.array_equal(laplacian.matrix.data, before[0].data)
        assert np.array_equal(laplacian.near_null, before[1])

    @pytest.mark.parametrize("k", [1, 2])
    def test_a_single_pair(self, solver: Eigensolver, laplacian: Laplacian, k: int) -> None:
        self.check(solver.solve(laplacian, k), laplacian, k)

    @pytest.mark.parametrize(("shape", "k"), [((3, 3), 9), ((3, 5), 4), ((8, 11), 88), ((27, 38), 300)])
    def test_small_images_and_large_shares_are_solved_densely(
        self, solver: Eigensolver, shape: tuple[int, int], k: int
    ) -> None:
        laplacian = MattingAffinity().laplacian(scene_with_a_disk(*shape))
        pairs = solver.solve(laplacian, k)
        values = np.linalg.eigvalsh(laplacian.matrix.toarray())
        np.testing.assert_allclose(pairs.values, values[:k], rtol=0, atol=1e-12 * values[-1])
        assert pairs.converged

    @pytest.mark.parametrize(
        ("k", "error", "message"),
        [
            (0, ValueError, "k: expected an integer of at least 1, got 0"),
            (1027, ValueError, "k: expected at most 1026 eigenpairs, one per pixel, got 1027"),
            (2.0, TypeError, "k: expected an integer, got float"),
            (True, TypeError, "k: expected an integer, got bool"),
        ],
    )
    def test_bad_k(
        self, solver: Eigensolver, laplacian: Laplacian, k: object, error: type[Exception], message: str
    ) -> None:
        with unchecked_annotations(), pytest.raises(error, match=rf"\A{message}\Z"):
            solver.solve(laplacian, k)  # type: ignore[arg-type]

    def test_is_registered(self, solver: Eigensolver) -> None:
        check_registered(type(solver), EIGENSOLVERS, "softseg.eigen.register")

    def test_every_parameter_matters(self, solver: Eigensolver) -> None:
        # Some parameters matter only where the solver does not converge, such as its number of iterations.
        bases = [base for base in (solver, self.unconverging()) if base is not None]
        usual = [self._compute(base) for base in bases]
        values = {name: self._other_values(solver, name) for name in parameters(solver)}
        for name, others in values.items():
            changed = (
                self._differ(self._compute(with_parameters(base, **{name: other})), before)
                for base, before in zip(bases, usual, strict=True)
                for other in others
                if other != parameters(base)[name]
            )
            if others and not any(changed):
                pytest.fail(
                    f"{name} does not change the pairs: {', '.join(map(repr, others))} all give the same; if "
                    "another value does change them, others must have that"
                )
        unknown = [name for name, others in values.items() if not others]
        if unknown:
            pytest.skip(f"others has no other value of {', '.join(unknown)}: not tested")

    def _other_values(self, solver: Eigensolver, name: str) -> list[object]:
        """Return other values of a parameter, one of which must matter."""
        unconverging = self.unconverging()
        own = parameters(solver)[name]
        values: list[object] = []
        if name in self.others:
            values = [self._other(solver, name, BELOW)]
        elif name in self._varied(solver):
            multiples = [self._other(solver, name, factor) for factor in FACTORS]
            values = [value for value in multiples if find_refusal(solver, name, value) is None]
        if unconverging is not None and parameters(unconverging)[name] != own:
            values += [own, parameters(unconverging)[name]]
        return values

    def _read_back(self, solver: Eigensolver) -> Eigensolver:
        self.test_is_registered(solver)
        return Eigensolver.parse(repr(solver))

    def _variants(self, solver: Eigensolver) -> list[Eigensolver]:
        unconverging = self.unconverging()
        return [*super()._variants(solver), *([] if unconverging is None else [unconverging])]

    def _compute(self, solver: Eigensolver) -> list[np.ndarray]:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # it may not converge
            pairs = solver.solve(repelling_laplacian(REPULSION), K, rng=0)
        return [pairs.values, pairs.vectors, pairs.residuals]


@functools.cache
def repelling_laplacian(strength: float) -> Laplacian:
    """Return the Laplacian of a disk on 27 x 38 pixels whose rim repels, by ``strength``."""
    return (MattingAffinity() + strength * SemanticAffinity()).laplacian(scene_with_a_disk(27, 38))
