"""A photo and layers alone: what can be done with them without a decomposition."""

from __future__ import annotations

import pickle
from dataclasses import FrozenInstanceError, dataclass, replace

import numpy as np
import pytest

from softseg import LayerStack
from softseg.layers import back_to_front, composite, layer_colors, show


@dataclass(frozen=True, eq=False, repr=False)
class NamedStack(LayerStack):
    """A stack with something besides."""

    name: str = "nameless"


@pytest.fixture
def alphas(rng: np.random.Generator) -> np.ndarray:
    alphas = rng.random((10, 14, 3), dtype=np.float32) * np.float32([1, 3, 2])
    return alphas / alphas.sum(axis=2, keepdims=True)


@pytest.fixture
def stack(rng: np.random.Generator, alphas: np.ndarray) -> LayerStack:
    return LayerStack(rng.random((10, 14, 3)), alphas)


class TestColors:
    def test_are_found_when_first_asked_for_and_kept(self, stack: LayerStack) -> None:
        assert "colors" not in vars(stack)
        np.testing.assert_array_equal(stack.colors, layer_colors(stack.image, stack.alphas))
        assert stack.colors is stack.colors

    def test_add_up_to_the_photo(self, stack: LayerStack) -> None:
        assert stack.colors.dtype == np.float32
        composed = np.einsum("hwk, hwkc -> hwc", stack.alphas, stack.colors)
        np.testing.assert_allclose(composed, stack.image, rtol=0, atol=2e-5)

    def test_given_ones_are_taken_as_they_are(self, stack: LayerStack, rng: np.random.Generator) -> None:
        colors = rng.random((10, 14, 3, 3), dtype=np.float32)
        assert LayerStack(stack.image, stack.alphas, given_colors=colors).colors is colors

    def test_belong_to_the_image_and_the_alphas(self, stack: LayerStack, rng: np.random.Generator) -> None:
        colors = rng.random((10, 14, 3, 3), dtype=np.float32)
        given = LayerStack(stack.image, stack.alphas, given_colors=colors)
        other = replace(given, image=1 - given.image)
        np.testing.assert_array_equal(other.colors, layer_colors(1 - stack.image, stack.alphas))

    def test_given_ones_are_kept_in_copies(self, stack: LayerStack, rng: np.random.Generator) -> None:
        colors = rng.random((10, 14, 3, 3), dtype=np.float32)
        given = LayerStack(stack.image, stack.alphas, given_colors=colors)
        np.testing.assert_array_equal(pickle.loads(pickle.dumps(given)).colors, colors)

    def test_of_a_subclass_that_does_without_given_ones(self, stack: LayerStack) -> None:
        @dataclass(frozen=True, eq=False, repr=False)
        class Bare(LayerStack):
            def __post_init__(self, given_colors: object) -> None:
                """Ignore what is given."""

        np.testing.assert_array_equal(Bare(stack.image, stack.alphas).colors, stack.colors)

    def test_rgba_is_layer_by_layer(self, stack: LayerStack) -> None:
        assert stack.rgba.shape == (3, 10, 14, 4)
        assert stack.rgba.dtype == np.float32
        for k in range(3):
            np.testing.assert_array_equal(stack.rgba[k, ..., :3], stack.colors[:, :, k])
            np.testing.assert_array_equal(stack.rgba[k, ..., 3], stack.alphas[:, :, k])


class TestOrder:
    def test_is_from_back_to_front(self, stack: LayerStack) -> None:
        assert stack.order == back_to_front(stack) == (1, 2, 0)

    def test_needs_no_colors(self, stack: LayerStack) -> None:
        assert stack.order
        assert "colors" not in vars(stack)


class TestComposite:
    def test_all_layers_are_the_photo(self, stack: LayerStack) -> None:
        np.testing.assert_allclose(stack.composite((1, 0, 1)), stack.image, rtol=0, atol=2e-5)

    def test_is_that_of_the_function(self, stack: LayerStack) -> None:
        np.testing.assert_array_equal(stack.composite(None, [2, 0]), composite(stack, None, [2, 0]))


class TestEdit:
    @pytest.mark.parametrize("kind", [LayerStack, NamedStack])
    def test_returns_the_same_type(self, stack: LayerStack, kind: type[LayerStack]) -> None:
        edited = kind(stack.image, stack.alphas).edit(1, lambda colors: 1 - colors)
        assert type(edited) is kind
        np.testing.assert_allclose(edited.colors[:, :, 1], 1 - stack.colors[:, :, 1], atol=1e-6)
        np.testing.assert_array_equal(edited.colors[:, :, 0], stack.colors[:, :, 0])
        composed = np.einsum("hwk, hwkc -> hwc", edited.alphas, edited.colors)
        np.testing.assert_allclose(edited.image, composed, rtol=0, atol=1e-6)

    def test_keeps_what_there_is_besides(self, stack: LayerStack) -> None:
        named = NamedStack(stack.image, stack.alphas, "sky and sea")
        assert named.edit(0, lambda colors: colors).name == "sky and sea"

    def test_leaves_the_stack_as_it_was(self, stack: LayerStack) -> None:
        image, colors = stack.image.copy(), stack.colors.copy()
        stack.edit(0, lambda colors: 0 * colors)
        np.testing.assert_array_equal(stack.image, image)
        np.testing.assert_array_equal(stack.colors, colors)

    def test_recolored(self, stack: LayerStack) -> None:
        gray = stack.recolored(np.full((10, 14, 3, 3), 0.5))
        assert gray.colors.dtype == np.float32
        np.testing.assert_allclose(gray.image, 0.5, rtol=0, atol=1e-6)


class TestRepr:
    def test_names_the_class(self, stack: LayerStack) -> None:
        assert repr(stack).startswith("<LayerStack: 3 layers of 14x10 pixels, from back to front\n  [1] ")
        named = NamedStack(stack.image, stack.alphas)
        assert repr(named) == repr(stack).replace("LayerStack", "NamedStack")


def test_nothing_is_replaced_in_place(stack: LayerStack) -> None:
    with pytest.raises(FrozenInstanceError):
        stack.image = 1 - stack.image  # type: ignore[misc]


def test_stacks_are_told_apart_by_what_they_are(stack: LayerStack) -> None:
    assert stack != replace(stack)
    assert len({stack, replace(stack), stack}) == 2


def test_is_shown_without_a_decomposition(stack: LayerStack) -> None:
    matplotlib = pytest.importorskip("matplotlib")
    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure = show(stack)
    assert len([axis for axis in figure.axes if axis.images]) == 5
    pyplot.close(figure)
