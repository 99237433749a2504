"""How many layers a photo has: synthetic initial layers of known objects, and one small photo."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from softseg import segment
from softseg.sparsify import group, merged_layers, project_to_simplex
from softseg.sparsify.layer_count import MOST_AUTOMATIC_LAYERS, SMALL_AREA, check_layers

HEIGHT, WIDTH = 40, 96
CORNERS = np.array([[0, 0, 0], [1, 1, 0], [0, 1, 1], [1, 0, 1], [1, 0, 0], [0, 1, 0], [0, 0, 1], [1, 1, 1.0]])


def stripes(widths: list[int], softness: float = 0) -> np.ndarray:
    """Return layers (40, W, K), one a vertical stripe; softness is the standard deviation of their edges."""
    columns = np.eye(len(widths))[np.repeat(np.arange(len(widths)), widths)]
    return np.repeat([gaussian_filter(columns, (softness, 0)) if softness else columns], HEIGHT, axis=0)


def painted(alphas: np.ndarray, means: np.ndarray, grain: float = 0.02) -> np.ndarray:
    """Return features that are about a mean in each layer."""
    noise = np.random.default_rng(3).normal(0, grain, (*alphas.shape[:2], means.shape[1]))
    return np.clip(alphas @ means + noise, 0, 1)


@pytest.mark.parametrize("count", range(2, 9))
def test_as_many_as_there_are_objects(count: int) -> None:
    pieces = 3  # initial layers an object, which melt into each other
    objects = stripes([WIDTH // count] * count)
    features = painted(objects, CORNERS[:count])
    within = np.linspace(0, 1, objects.shape[1] // count)
    shares = np.stack([np.interp(within, [0, 0.5, 1], np.eye(pieces)[i]) for i in range(pieces)], axis=1)
    alphas = (objects[..., None] * np.tile(shares, (count, 1))[None, :, None]).reshape(*objects.shape[:2], -1)
    np.testing.assert_array_equal(merged_layers(alphas, features), np.repeat(np.arange(count), pieces))


def test_far_parts_of_one_look_are_one_layer() -> None:
    alphas = stripes([32, 32, 32])
    np.testing.assert_array_equal(
        merged_layers(alphas, painted(alphas, np.array([[0.2, 0, 0], [1, 1, 1], [0.2, 0, 0]]))), [0, 1, 0]
    )


def test_a_soft_border_joins_what_a_sharp_one_parts() -> None:
    means = np.array([[0.1, 0.3, 0], [0.5, 0.3, 0], [0.9, 0.9, 1]])
    soft = stripes([32, 32, 32], softness=10)
    np.testing.assert_array_equal(merged_layers(soft, painted(soft, means)), [0, 0, 1])
    sharp = stripes([32, 32, 32])
    np.testing.assert_array_equal(merged_layers(sharp, painted(sharp, means)), [0, 1, 2])


def test_softness_is_the_alphas_not_the_features() -> None:
    # Where each column belongs to one of two layers or to both alike, what is near what hardly differs.
    means = np.array([[0.05, 0.3, 0], [0.95, 0.3, 0], [0.9, 0.9, 1]])
    sharp, mixed = stripes([32, 32, 32]), stripes([32, 32, 32])
    mixed[:, 16:48, :2] = 0.5
    features = painted(sharp, means)
    stripy = mixed.copy()  # the same where it is blurred, but every pixel belongs to one layer
    stripy[:, 16:48, 0] = np.arange(32) % 2
    stripy[:, 16:48, 1] = 1 - stripy[:, 16:48, 0]
    np.testing.assert_array_equal(merged_layers(mixed, features), [0, 0, 1])
    np.testing.assert_array_equal(merged_layers(stripy, features), [0, 1, 2])


def test_small_layers_join_their_nearest() -> None:
    alphas = stripes([46, 2, 46, 2])
    assert (alphas.mean(axis=(0, 1)) < SMALL_AREA).sum() == 2
    means = np.array([[0, 0, 0], [0.8, 1, 1], [1, 1, 1], [0.3, 0, 0.1]])
    np.testing.assert_array_equal(merged_layers(alphas, painted(alphas, means)), [0, 1, 1, 0])


def test_two_layers_are_left_however_small() -> None:
    alphas = stripes([1, 94, 1])
    means = np.array([[1, 1, 1], [0, 0, 0], [1, 1, 0.9]])
    np.testing.assert_array_equal(merged_layers(alphas, painted(alphas, means)), [0, 1, 0])


def test_never_more_than_ten() -> None:
    grid = np.stack(np.meshgrid(*[[0, 0.5, 1]] * 3), axis=-1).reshape(-1, 3)[:24]
    alphas = stripes([4] * 24)
    assert merged_layers(alphas, painted(alphas, grid, grain=0)).max() + 1 == MOST_AUTOMATIC_LAYERS


def test_what_is_one_in_a_plain_scene_is_two_in_a_crowded_one() -> None:
    alike = np.array([[0.0, 0, 0], [0, 0, 0.25]])
    for others, same in ((CORNERS[[1]], True), (CORNERS[1:7], False)):
        means = np.concatenate([alike[:1], others, alike[1:]])  # the two do not touch
        alphas = stripes([WIDTH // len(means)] * len(means))
        groups = merged_layers(alphas, painted(alphas, means))
        assert (groups[0] == groups[-1]) == same
        assert len(np.unique(groups[:-1])) == len(means) - 1


def test_one_layer_and_one_look() -> None:
    np.testing.assert_array_equal(merged_layers(stripes([WIDTH]), np.full((HEIGHT, WIDTH, 3), 0.4)), [0])
    np.testing.assert_array_equal(
        merged_layers(stripes([32, 32, 32]), np.full((HEIGHT, WIDTH, 3), 0.3)), [0, 0, 0]
    )


def test_the_same_layer_twice_is_one() -> None:
    alphas = stripes([48, 48])[:, :, [0, 0, 1]] * (0.5, 0.5, 1)
    np.testing.assert_array_equal(merged_layers(alphas, painted(alphas, CORNERS[[0, 0, 7]])), [0, 0, 1])


def test_order_does_not_matter(rng: np.random.Generator) -> None:
    alphas = stripes([8] * 12, softness=1)
    features = painted(alphas, rng.random((12, 3)))
    groups = merged_layers(alphas, features)
    order = rng.permutation(12)
    permuted = merged_layers(alphas[:, :, order], features)
    assert groups.max() > 1
    same = groups[:, None] == groups
    np.testing.assert_array_equal(permuted[:, None] == permuted, same[np.ix_(order, order)])


def test_alphas_beyond_0_and_1_and_layers_of_nothing(rng: np.random.Generator) -> None:
    clean = stripes([48, 48])
    features = painted(clean, CORNERS[[0, 7]])
    ugly = np.concatenate([clean * 1.2 - 0.1, np.full((HEIGHT, WIDTH, 2), -0.3)], axis=2)
    groups = merged_layers(ugly, features)
    assert set(groups) == {0, 1}
    assert groups[0] != groups[1]
    nothing = np.full((HEIGHT, WIDTH, 1), -2.0)
    np.testing.assert_array_equal(merged_layers(np.concatenate([1 + nothing, nothing], axis=2), features), 0)
    noise = gaussian_filter(rng.normal(0.2, 5, (30, 40, 9)), (3, 3, 0))
    colors = gaussian_filter(rng.normal(0.5, 2, (30, 40, 3)), (3, 3, 0)).clip(0, 1)
    np.testing.assert_array_equal(
        merged_layers(noise, colors), merged_layers(project_to_simplex(noise), colors)
    )
    # Noise all over, one pixel, one row: some groups, none of them empty.
    for shape in ((9, 11), (1, 1), (1, 7)):
        groups = merged_layers(rng.normal(0.2, 0.5, (*shape, 6)), rng.random((*shape, 3)))
        np.testing.assert_array_equal(np.unique(groups), np.arange(groups.max() + 1))


def test_group_adds_up_the_merged_layers(rng: np.random.Generator) -> None:
    alphas = rng.normal(0.2, 0.2, (7, 11, 6))
    features = rng.random((7, 11, 3))
    groups = merged_layers(alphas, features)
    grouped = group(alphas, features, n_layers="auto")
    assert grouped.shape == (7, 11, groups.max() + 1)
    for k in range(grouped.shape[2]):
        np.testing.assert_array_equal(grouped[:, :, k], alphas[:, :, groups == k].sum(axis=2))


@pytest.mark.usefixtures("unhooked")
@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("Auto", r"\An_layers: expected an integer or 'auto', got 'Auto'\Z"),
        ("", r"\An_layers: expected an integer or 'auto', got ''\Z"),
        (0, r"\An_layers: expected an integer of at least 1, got 0\Z"),
        (2.5, r"\An_layers: expected an integer, got float\Z"),
        (None, r"\An_layers: expected an integer, got NoneType\Z"),
    ],
)
def test_what_n_layers_may_be(value: object, message: str) -> None:
    photo = np.zeros((8, 9, 3))
    for call in (
        lambda: check_layers(value),
        lambda: group(stripes([4, 4]), np.zeros((HEIGHT, 8, 3)), value),
        lambda: segment(photo, n_layers=value),
    ):
        with pytest.raises((TypeError, ValueError), match=message):
            call()


def test_a_photo_of_three_things() -> None:
    y, x = np.mgrid[:48, :64]
    colors = np.array([[0.1, 0.2, 0.7], [0.9, 0.8, 0.1], [0.7, 0.1, 0.1]])
    labels = np.where((y - 24) ** 2 + (x - 18) ** 2 < 13**2, 1, np.where(x > 40, 2, 0))
    alphas = gaussian_filter(np.eye(3)[labels], (0.7, 0.7, 0))
    image = np.clip(alphas @ colors + np.random.default_rng(1).normal(0, 0.02, (48, 64, 3)), 0, 1)
    result = segment(image, features=np.clip(alphas @ CORNERS[[0, 1, 2]], 0, 1), n_layers="auto")
    assert result.alphas.shape == (48, 64, 3)
    overlap = np.einsum("hwk,hwn->kn", result.alphas, alphas) / alphas.sum(axis=(0, 1))
    assert sorted(overlap.argmax(axis=0)) == [0, 1, 2]
    assert overlap.max(axis=0).min() > 0.9


def test_wards_cost_counts_area(rng: np.random.Generator) -> None:
    # The same means: of two small layers a merger costs less of the variance than of two large ones.
    means = np.array([[0.0, 0, 0], [0.33, 0, 0], [1.0, 1, 1]])
    for widths, groups in (([6, 6, 84], [0, 0, 1]), ([40, 40, 16], [0, 1, 2])):
        alphas = stripes(widths)
        np.testing.assert_array_equal(merged_layers(alphas, painted(alphas, means, grain=0)), groups)
