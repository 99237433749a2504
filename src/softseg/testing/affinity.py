"""The test case that every affinity term inherits and must pass."""

from __future__ import annotations

import itertools
from typing import ClassVar

import numpy as np
import pytest
from scipy import sparse

from softseg.affinity import AFFINITIES, Affinity
from softseg.scene import Scene
from softseg.testing.parameters import with_parameters
from softseg.testing.parts import ABOVE, BELOW, PartCase, check_registered
from softseg.testing.scenes import scene_with_a_disk

Y, X = np.mgrid[:6, :9]

#: Images of 6 x 9 pixels on which formulas go wrong: no variance, one line of colors, two colors, extremes.
UGLY = {
    "black": np.zeros((6, 9, 3)),
    "white": np.ones((6, 9, 3)),
    "gray ramp": np.repeat(X[:, :, None] / 8, 3, axis=2),
    "two colors": np.where((X + Y < 6)[:, :, None], (1.0, 0.0, 0.0), (0.0, 0.0, 1.0)),
    "checkerboard": np.repeat(((X + Y) % 2)[:, :, None].astype(float), 3, axis=2),
    "noise": np.random.default_rng(3).random((6, 9, 3)),
}

#: Superpixels of 6 x 9 pixels: rings share their centroid, strips of even width have it between two pixels.
SUPERPIXELS = {
    "one": np.zeros((6, 9), int),
    "one each": 9 * Y + X,
    "rings": np.minimum.reduce([Y, 5 - Y, X, 8 - X]),
    "strips": X // 2,
    "scattered": np.random.default_rng(5).integers(-4, 5, (6, 9)),
}

# How far entries of two matrices may be apart. Covariances of one line of colors are conditioned up to 1e8: a
# double has 1e-8 left there.
TOLERANCE = 1e-7


class AffinityCase(PartCase):
    """Inherit, name the class ``Test...``, and override the fixture `affinity` and the method `oracle`.

    An affinity is a frozen dataclass that is registered under its own name (`softseg.affinity.register`). A
    parameter that is declared a ``float`` or an ``int`` must raise TypeError or ValueError for what is no
    finite number, in one line that begins ``name: expected`` and speaks of a number or an integer. Zero and
    negative values may be refused, in a line that begins with the name; if they are not, the matrix must be
    finite and symmetric all the same.

    The multiples of a float by 2 and 0.7 must be valid. If they are not, and for every parameter of another
    type, `others` holds another valid value. What is no plain number, text or None is kept as a tuple of
    such, because affinities compare by value and are read back from what they print.

    Attributes
    ----------
    others : dict of str to object
        Another valid value of a parameter, by name; one that changes an entry of the matrix of a scene with a
        disk (`scene_with_a_disk`, 13 x 18 pixels) by more than 1e-7.

    Examples
    --------
    >>> import numpy as np
    >>> import pytest
    >>> from softseg import SemanticAffinity
    >>> from softseg.testing import AffinityCase
    >>> class TestSemanticAffinity(AffinityCase):
    ...     @pytest.fixture
    ...     def affinity(self):
    ...         return SemanticAffinity()
    ...
    ...     def oracle(self, scene, affinity):
    ...         return np.zeros((scene.shape[0] * scene.shape[1],) * 2)      # to be written
    >>> TestSemanticAffinity().test_is_immutable(SemanticAffinity())         # pytest calls all of them
    """

    others: ClassVar[dict[str, object]] = {}

    @pytest.fixture
    def affinity(self) -> Affinity:
        """Return the affinity."""
        raise NotImplementedError("override the fixture affinity: it returns the affinity to be tested")

    @pytest.fixture
    def part(self, affinity: Affinity) -> Affinity:
        """Return the affinity, for the tests that all kinds of parts have in common."""
        return affinity

    def oracle(self, scene: Scene, affinity: Affinity) -> np.ndarray:
        """Return the dense matrix of an affinity, by slow loops straight from its formula.

        Nobody else can write it: it is a second implementation, which shares no code with the first, and has
        nothing of the affinity but its parameters. Of superpixels, `representatives`, `touching` and `means`
        are such loops.

        Parameters
        ----------
        scene : Scene
            Of 9 to 234 pixels.
        affinity : Affinity
            What the fixture `affinity` returns, or the same with another value of one parameter.

        Returns
        -------
        ndarray, shape (H*W, H*W)
            Pixels in row-major order, as in `Affinity.matrix`.
        """
        raise NotImplementedError("override oracle: it returns the affinity's dense matrix, by slow loops")

    def check_against_oracle(self, affinity: Affinity, scene: Scene) -> None:
        """Compare an affinity's matrix of a scene with the oracle's, and fail if they differ.

        Parameters
        ----------
        affinity : Affinity
            The affinity.
        scene : Scene
            The scene, of any size that the oracle's loops can bear.
        """
        expected = self.oracle(scene, affinity)
        np.testing.assert_allclose(
            affinity.matrix(scene).toarray(), expected, rtol=1e-12, atol=TOLERANCE, err_msg=repr(affinity)
        )

    @pytest.mark.parametrize("shape", [(3, 3), (3, 11), (11, 3), (7, 5), (6, 10)])
    def test_matches_slow_loops(self, affinity: Affinity, shape: tuple[int, int]) -> None:
        self.check_against_oracle(affinity, scene_with_a_disk(*shape, block=2))

    @pytest.mark.parametrize("image", UGLY)
    def test_matches_slow_loops_on_ugly_images(self, affinity: Affinity, image: str) -> None:
        self.check_against_oracle(affinity, Scene(UGLY[image], UGLY[image][::-1], SUPERPIXELS["strips"]))

    @pytest.mark.parametrize("superpixels", SUPERPIXELS)
    def test_matches_slow_loops_on_ugly_superpixels(self, affinity: Affinity, superpixels: str) -> None:
        self.check_against_oracle(affinity, Scene(UGLY["noise"], UGLY["gray ramp"], SUPERPIXELS[superpixels]))

    def test_matches_slow_loops_at_other_parameters(self, affinity: Affinity) -> None:
        # On the scene on which every parameter matters.
        for name in self._varied(affinity):
            for value in {self._other(affinity, name, factor): None for factor in (BELOW, ABOVE)}:
                other = with_parameters(affinity, **{name: value})
                self.check_against_oracle(other, scene_with_a_disk(13, 18))

    def test_is_a_symmetric_float64_csr_array_over_the_pixels(self, affinity: Affinity) -> None:
        matrix = affinity.matrix(scene_with_a_disk(13, 18))
        assert isinstance(matrix, sparse.csr_array)
        assert matrix.shape == (13 * 18, 13 * 18)
        assert matrix.dtype == np.float64
        assert matrix.nnz
        assert abs(matrix - matrix.T).max() == 0

    def test_repeats(self, affinity: Affinity) -> None:
        scene = scene_with_a_disk(13, 18)
        first, second = affinity.matrix(scene), affinity.matrix(scene)
        assert np.array_equal(first.data, second.data)
        assert np.array_equal(first.indices, second.indices)

    def test_is_blind_to_transposition_of_the_image(self, affinity: Affinity) -> None:
        # Blocks whose centroids are pixels, so that rounding halves plays no part.
        scene = scene_with_a_disk(9, 15)
        labels = 10 * (np.arange(9)[:, None] // 3) + np.arange(15) // 3
        upright = Scene(scene.image, scene.features, labels)
        image, features = (np.swapaxes(array, 0, 1) for array in (scene.image, scene.features))
        flipped = Scene(image, features, labels.T)
        order = np.arange(9 * 15).reshape(9, 15).T.ravel()
        difference = affinity.matrix(upright)[order][:, order] - affinity.matrix(flipped)
        assert abs(difference).max() < 1e-10  # sums in another order

    def test_is_registered(self, affinity: Affinity) -> None:
        check_registered(type(affinity), AFFINITIES, "softseg.affinity.register")

    def _read_back(self, affinity: Affinity) -> Affinity:
        self.test_is_registered(affinity)
        return Affinity.parse(repr(affinity))

    def _compute(self, affinity: Affinity) -> list[np.ndarray]:
        return [affinity.matrix(scene_with_a_disk(13, 18)).toarray()]

    def _find_fault(self, computed: list[np.ndarray]) -> str | None:
        (matrix,) = computed
        return super()._find_fault(computed) or (
            None if (matrix == matrix.T).all() else "it is not symmetric"
        )

    def _differ(self, computed: list[np.ndarray], usual: list[np.ndarray]) -> bool:
        # By so much that the comparison with the oracle sees it.
        return bool(abs(computed[0] - usual[0]).max() > TOLERANCE)


def representatives(scene: Scene) -> list[int]:
    """Return each superpixel's rounded centroid by slow loops, as row-major pixel indices.

    Pixels are counted from 1 and halves rounded up, as in the published code.

    Parameters
    ----------
    scene : Scene
        Its superpixels are what counts.

    Returns
    -------
    list of int
        One pixel for each superpixel, y * W + x, in the order of the labels.

    Examples
    --------
    >>> import numpy as np
    >>> from softseg import Scene
    >>> from softseg.testing import representatives
    >>> representatives(Scene(np.zeros((3, 6, 3)), superpixels=np.repeat([[0, 0, 0, 1, 1, 1]], 3, axis=0)))
    [7, 10]
    """
    height, width = scene.shape
    labels = scene.superpixels
    pixels = []
    for s in range(labels.max() + 1):
        members = [(y, x) for x in range(width) for y in range(height) if labels[y, x] == s]
        row = sum((y + 1) / len(members) for y, _ in members)
        column = sum((x + 1) / len(members) for _, x in members)
        pixels.append((int(np.floor(row + 0.5)) - 1) * width + int(np.floor(column + 0.5)) - 1)
    return pixels


def touching(scene: Scene) -> set[tuple[int, int]]:
    """Return the pairs of superpixels that touch at an edge or a corner, by slow loops.

    Parameters
    ----------
    scene : Scene
        Its superpixels are what counts.

    Returns
    -------
    set of tuple of int
        The pairs (a, b), a < b.

    Examples
    --------
    >>> import numpy as np
    >>> from softseg import Scene
    >>> from softseg.testing import touching
    >>> touching(Scene(np.zeros((3, 6, 3)), superpixels=np.repeat([[0, 0, 0, 1, 1, 1]], 3, axis=0)))
    {(0, 1)}
    """
    height, width = scene.shape
    labels = scene.superpixels
    pairs = set()
    for y, x, dy, dx in itertools.product(range(height), range(width), (-1, 0, 1), (-1, 0, 1)):
        if 0 <= y + dy < height and 0 <= x + dx < width and labels[y, x] < labels[y + dy, x + dx]:
            pairs.add((int(labels[y, x]), int(labels[y + dy, x + dx])))
    return pairs


def means(scene: Scene, values: np.ndarray) -> list[np.ndarray]:
    """Return the mean of values over each superpixel, by slow loops.

    Parameters
    ----------
    scene : Scene
        Its superpixels are what counts.
    values : ndarray, shape (H, W, C)
        Values in any unit, such as colors or features.

    Returns
    -------
    list of ndarray, shape (C,)
        One mean for each superpixel, in the order of the labels.

    Examples
    --------
    >>> import numpy as np
    >>> from softseg import Scene
    >>> from softseg.testing import means
    >>> scene = Scene(np.zeros((3, 6, 3)), superpixels=np.repeat([[0, 0, 0, 1, 1, 1]], 3, axis=0))
    >>> means(scene, np.arange(18.0).reshape(3, 6, 1))
    [array([7.]), array([10.])]
    """
    labels = scene.superpixels
    return [values[labels == s].mean(axis=0) for s in range(labels.max() + 1)]
