"""The test case that every preconditioner of LOBPCG inherits and must pass."""

from __future__ import annotations

import functools
from typing import ClassVar

import numpy as np
import pytest
from scipy import sparse

from softseg.affinity import ColorAffinity, MattingAffinity, SemanticAffinity
from softseg.eigen import LOBPCG, PRECONDITIONERS, Eigensolver, Preconditioner
from softseg.grid import Laplacian
from softseg.scene import Scene
from softseg.testing.parts import PartCase, check_registered
from softseg.testing.scenes import scene_with_a_disk

# The size of the scenes in pixels: not square, and more than the 1000 pixels up to which images are solved
# densely. Chosen by the project's own tests.
HEIGHT, WIDTH = 31, 42
# The seed of all random numbers; any would do.
SEED = 20180812


class PreconditionerCase(PartCase):
    """Inherit, name the class ``Test...``, and override the fixture `preconditioner`.

    A preconditioner is a frozen dataclass (`Preconditioner` says what else it must be) that is registered
    under its own name (`softseg.eigen.register_preconditioner`). Parameters are checked as `AffinityCase`
    says, and `others` must have a value of each that is not declared a float.

    Attributes
    ----------
    others : dict of str to object
        Another valid value of a parameter, by name; one that changes the shift, the vectors to start from, or
        what comes of a multiplication.

    Examples
    --------
    >>> import pytest
    >>> from softseg.eigen import LocalInverse
    >>> from softseg.testing import PreconditionerCase
    >>> class TestLocalInverse(PreconditionerCase):
    ...     @pytest.fixture
    ...     def preconditioner(self):
    ...         return LocalInverse()
    >>> TestLocalInverse().test_lobpcg_converges_with_it_on_ugly_images(LocalInverse(), "constant")
    """

    others: ClassVar[dict[str, object]] = {}

    @pytest.fixture
    def preconditioner(self) -> Preconditioner:
        """Return the preconditioner."""
        raise NotImplementedError("override the fixture preconditioner: it returns the one to be tested")

    @pytest.fixture
    def part(self, preconditioner: Preconditioner) -> Preconditioner:
        """Return the preconditioner, for the tests that all kinds of parts have in common."""
        return preconditioner

    @pytest.fixture(params=["of a scene", "by hand"])
    def laplacian(self, request: pytest.FixtureRequest) -> Laplacian:
        """Return one that knows its image, and one that does not."""
        laplacian = laplacian_of_a_disk()
        return laplacian if request.param == "of a scene" else Laplacian(laplacian.matrix, laplacian.shape)

    def test_is_symmetric_positive_definite_above_the_shift(
        self, preconditioner: Preconditioner, laplacian: Laplacian
    ) -> None:
        prepared = preconditioner.prepare(laplacian, np.random.default_rng(SEED))
        inverse = prepared.precondition(np.eye(HEIGHT * WIDTH)).astype(np.float64)
        # Single precision on entries of up to some hundreds, the inverse of the shift.
        np.testing.assert_allclose(inverse, inverse.T, atol=1e-4 * np.abs(inverse).max())
        below = np.count_nonzero(np.linalg.eigvalsh(laplacian.matrix.toarray()) < -prepared.shift)
        assert np.count_nonzero(np.linalg.eigvalsh((inverse + inverse.T) / 2) < 0) <= below

    def test_starts_smooth(self, preconditioner: Preconditioner, laplacian: Laplacian) -> None:
        rng = np.random.default_rng(SEED)
        prepared = preconditioner.prepare(laplacian, rng)
        start = prepared.start(10, 12, 1e-3, rng).vectors.astype(np.float64)
        assert len(start) == HEIGHT * WIDTH
        assert 0 < start.shape[1] <= 12
        assert np.isfinite(start).all()

        def roughness(block: np.ndarray) -> np.ndarray:
            return (block * (laplacian.matrix @ block)).sum(axis=0) / (block**2).sum(axis=0)

        assert roughness(start).max() < 0.2 * roughness(rng.normal(size=start.shape)).min()

    def test_same_rng_same_bits(self, preconditioner: Preconditioner, laplacian: Laplacian) -> None:
        starts = []
        for callers_seed in (1, 2):
            np.random.seed(callers_seed)  # noqa: NPY002
            rng = np.random.default_rng(0)
            starts.append(preconditioner.prepare(laplacian, rng).start(6, 7, 1e-3, rng).vectors)
        first, second = starts
        assert np.array_equal(first, second)

    @pytest.mark.parametrize("kind", ["constant", "gray", "two pieces"])
    def test_lobpcg_converges_with_it_on_ugly_images(self, preconditioner: Preconditioner, kind: str) -> None:
        if kind == "two pieces":
            line = sparse.diags_array(
                [[-1.0] * 599, [1.0, *[2.0] * 598, 1.0], [-1.0] * 599], offsets=[-1, 0, 1]
            )
            laplacian = Laplacian(sparse.block_diag([line, line]), shape=(2, 600))
        else:
            rng = np.random.default_rng(SEED)
            gray = np.full((HEIGHT, WIDTH), 0.5) if kind == "constant" else rng.random((HEIGHT, WIDTH))
            laplacian = MattingAffinity().laplacian(Scene(np.repeat(gray[:, :, None], 3, axis=2)))
        pairs = LOBPCG(preconditioner=preconditioner).solve(laplacian, 8)
        assert pairs.converged
        expected = np.linalg.eigvalsh(laplacian.matrix.toarray())[:8]
        # The tolerance is 1e-6 of the mean diagonal; its estimate is good to a small factor.
        scale = laplacian.matrix.diagonal().mean()
        np.testing.assert_allclose(pairs.values, expected, rtol=0, atol=1e-5 * scale)

    def test_is_registered(self, preconditioner: Preconditioner) -> None:
        check_registered(type(preconditioner), PRECONDITIONERS, "softseg.eigen.register_preconditioner")

    def _read_back(self, preconditioner: Preconditioner) -> Preconditioner:
        self.test_is_registered(preconditioner)
        solver = Eigensolver.parse(repr(LOBPCG(preconditioner=preconditioner)))
        assert isinstance(solver, LOBPCG)
        return solver.preconditioner

    def _compute(self, preconditioner: Preconditioner) -> list[np.ndarray]:
        rng = np.random.default_rng(SEED)
        prepared = preconditioner.prepare(laplacian_of_a_disk(), rng)
        start = prepared.start(6, 7, 1e-3, rng).vectors
        right = np.random.default_rng(SEED).standard_normal((HEIGHT * WIDTH, 3))
        return [np.array(prepared.shift), start, prepared.precondition(right)]


@functools.cache
def laplacian_of_a_disk() -> Laplacian:
    """Return the Laplacian of a disk, with all of softseg's own affinities, on 31 x 42 pixels."""
    affinity = MattingAffinity() + 0.05 * SemanticAffinity() + 0.01 * ColorAffinity()
    return affinity.laplacian(scene_with_a_disk(HEIGHT, WIDTH))
