"""The test case that every affinity term inherits and must pass."""

from __future__ import annotations

import dataclasses
import itertools
from typing import Any, ClassVar

import numpy as np
import pytest
from scipy import sparse

from softseg.affinity import AFFINITIES, Affinity
from softseg.scene import Scene
from softseg.testing.annotations import unchecked_annotations
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

# The factors that make other values of a float: one larger and one smaller, both far from rounding. Chosen by
# the project's own tests.
ABOVE = 2
BELOW = 0.7


class AffinityCase:
    """Inherit, name the class ``Test...``, and override the fixture `affinity` and the method `oracle`.

    An affinity is a frozen dataclass that is registered under its own name (`softseg.affinity.register`). A
    parameter that is declared a ``float`` must raise TypeError or ValueError for what is no finite number, in
    one line that begins ``name: expected`` and speaks of a number. Its multiples by 2 and 0.7 must be valid;
    if they are not, and for every parameter of another type, `others` holds another valid value.

    Attributes
    ----------
    others : dict of str to object
        Another valid value of a parameter, by name; one that changes the matrix of a scene with a disk
        (`scene_with_a_disk`, 13 x 18 pixels).

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
    ...     def oracle(self, scene):
    ...         return np.zeros((scene.shape[0] * scene.shape[1],) * 2)      # to be written
    >>> TestSemanticAffinity().test_is_immutable(SemanticAffinity())         # pytest calls all of them
    """

    others: ClassVar[dict[str, object]] = {}

    @pytest.fixture
    def affinity(self) -> Affinity:
        """Return the affinity, with the parameters that `oracle` knows."""
        raise NotImplementedError("override the fixture affinity: it returns the affinity to be tested")

    def oracle(self, scene: Scene) -> np.ndarray:
        """Return the dense matrix of the same affinity, by slow loops straight from its formula.

        Nobody else can write it: it is a second implementation, and shares no code with the first. Of
        superpixels, `representatives`, `touching` and `means` are such loops.

        Parameters
        ----------
        scene : Scene
            Of 9 to 60 pixels.

        Returns
        -------
        ndarray, shape (H*W, H*W)
            Pixels in row-major order, as in `Affinity.matrix`.
        """
        raise NotImplementedError("override oracle: it returns the affinity's dense matrix, by slow loops")

    def check_against_oracle(self, affinity: Affinity, scene: Scene) -> None:
        """Compare an affinity's matrix of a scene with the oracle's."""
        expected = self.oracle(scene)
        # Covariances of one line of colors are conditioned up to 1e8: a double has 1e-8 left there.
        np.testing.assert_allclose(affinity.matrix(scene).toarray(), expected, rtol=1e-12, atol=1e-7)

    @pytest.mark.parametrize("shape", [(3, 3), (3, 11), (11, 3), (7, 5), (6, 10)])
    def test_matches_slow_loops(self, affinity: Affinity, shape: tuple[int, int]) -> None:
        self.check_against_oracle(affinity, scene_with_a_disk(*shape, block=2))

    @pytest.mark.parametrize("image", UGLY)
    def test_matches_slow_loops_on_ugly_images(self, affinity: Affinity, image: str) -> None:
        self.check_against_oracle(affinity, Scene(UGLY[image], UGLY[image][::-1], SUPERPIXELS["strips"]))

    @pytest.mark.parametrize("superpixels", SUPERPIXELS)
    def test_matches_slow_loops_on_ugly_superpixels(self, affinity: Affinity, superpixels: str) -> None:
        self.check_against_oracle(affinity, Scene(UGLY["noise"], UGLY["gray ramp"], SUPERPIXELS[superpixels]))

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

    def test_is_immutable(self, affinity: Affinity) -> None:
        for name, value in parameters(affinity).items():
            with pytest.raises(dataclasses.FrozenInstanceError):
                setattr(affinity, name, value)

    def test_compares_by_value(self, affinity: Affinity) -> None:
        assert affinity == with_parameters(affinity)
        assert hash(affinity) == hash(with_parameters(affinity))
        for name in parameters(affinity):
            other = self._other(affinity, name, ABOVE)
            assert affinity != with_parameters(affinity, **{name: other})
            assert with_parameters(affinity, **{name: other}) == with_parameters(affinity, **{name: other})

    def test_is_registered(self, affinity: Affinity) -> None:
        check_registered(type(affinity))

    def test_repr_can_be_pasted_back(self, affinity: Affinity) -> None:
        check_registered(type(affinity))
        others = {name: self._other(affinity, name, ABOVE) for name in parameters(affinity)}
        for term in (affinity, with_parameters(affinity, **others)):
            assert Affinity.parse(repr(term)) == term

    def test_every_parameter_matters(self, affinity: Affinity) -> None:
        scene = scene_with_a_disk(13, 18)
        usual = affinity.matrix(scene)
        for name in parameters(affinity):
            other = with_parameters(affinity, **{name: self._other(affinity, name, BELOW)})
            assert abs(other.matrix(scene) - usual).max() > 0, f"{name} does not change the matrix"

    @pytest.mark.parametrize("value", [float("nan"), float("inf"), "much", None, True, 1j])
    def test_bad_parameters_are_named(self, affinity: Affinity, value: object) -> None:
        for name in float_parameters(affinity):
            message = rf"\A{name}: expected [^\n]*number[^\n]*\Z"
            with unchecked_annotations(), pytest.raises((TypeError, ValueError), match=message):
                with_parameters(affinity, **{name: value})

    def _other(self, affinity: Affinity, name: str, factor: float) -> object:
        """Return another valid value of a parameter: the one given, or a multiple."""
        value = parameters(affinity)[name]
        if name in self.others:
            other = self.others[name]
        elif name in float_parameters(affinity):
            other = factor * value
        else:
            pytest.fail(
                f"others: expected another valid value of {name}, which is not declared a float: "
                f"others = {{{name!r}: ...}}"
            )
        if other == value:
            pytest.fail(f"others: expected another valid value of {name} than {value!r}")
        return other


def parameters(affinity: Affinity) -> dict[str, Any]:
    """Return an affinity's parameters by name."""
    return {field.name: getattr(affinity, field.name) for field in _fields(affinity)}


def float_parameters(affinity: Affinity) -> list[str]:
    """Return the names of the parameters that are declared ``float``."""
    # A text where the affinity's module says `from __future__ import annotations`.
    return [field.name for field in _fields(affinity) if field.type in (float, "float")]


def with_parameters(affinity: Affinity, **changed: object) -> Affinity:
    """Return a new affinity with the same parameters but those given."""
    return type(affinity)(**{**parameters(affinity), **changed})


def check_registered(kind: type[Affinity]) -> None:
    """Fail, and say how to register it, unless an affinity is registered under its own name."""
    name = kind.__name__
    if name not in AFFINITIES:
        pytest.fail(
            f"{name} is not registered, so that what it prints cannot be read back: write "
            f"@softseg.affinity.register({name!r}) above the class, or give your package an entry point "
            f"{name!r} of the group 'softseg.affinities'"
        )
    if AFFINITIES[name] is not kind:
        pytest.fail(f"{name}: another class, {AFFINITIES[name]!r}, is registered under this name")


def representatives(scene: Scene) -> list[int]:
    """Return each superpixel's rounded centroid by slow loops, as row-major pixel indices.

    Pixels are counted from 1 and halves rounded up, as in the published code.

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
    """Return the pairs a < b of superpixels that touch at an edge or a corner, by slow loops.

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
    """Return the mean of values, (H, W, C), over each superpixel: arrays of shape (C,).

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


def _fields(affinity: Affinity) -> list[dataclasses.Field[Any]]:
    if not dataclasses.is_dataclass(affinity):
        pytest.fail(f"{type(affinity).__name__}: expected a frozen dataclass: its parameters are its fields")
    return [field for field in dataclasses.fields(affinity) if field.init]
