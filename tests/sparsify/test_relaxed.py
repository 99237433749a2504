"""Relaxed sparsification against dense solves, its preconditioner, and the image gradient."""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable

import numpy as np
import pytest

from softseg import Laplacian, MattingAffinity, Scene, SemanticAffinity, _threads
from softseg.sparsify import PixelBlocks, Unpreconditioned, image_gradient, relaxed
from softseg.sparsify.relaxed_stage import snap

AFFINITY = MattingAffinity() + 0.01 * SemanticAffinity()

# docs/method.md, section 9.
DERIVATIVE = [0.0001, 0.0019, 0.0142, 0.0509, 0.0963, 0.0878, 0]
DERIVATIVE += [-tap for tap in DERIVATIVE[-2::-1]]
SMOOTHER = [0.0, 0.0007, 0.0071, 0.0374, 0.1126, 0.2119, 0.2605]
SMOOTHER += SMOOTHER[-2::-1]


def gradient_in_slow_loops(image: np.ndarray) -> np.ndarray:
    height, width, channels = image.shape
    result = np.zeros((height, width))
    for y, x in itertools.product(range(height), range(width)):
        square = 0.0
        for taps_down, taps_along in ((DERIVATIVE, SMOOTHER), (SMOOTHER, DERIVATIVE)):
            for c in range(channels):
                slope = 0.0
                for i, j in itertools.product(range(13), repeat=2):
                    v, u = min(max(y + i - 6, 0), height - 1), min(max(x + j - 6, 0), width - 1)
                    slope += taps_down[i] * taps_along[j] * image[v, u, c]
                square += slope**2
        result[y, x] = np.sqrt(square)
    return result


def relaxed_densely(grouped: np.ndarray, laplacian: Laplacian, image: np.ndarray) -> np.ndarray:
    """Return docs/method.md's section 9, every system written out whole and solved."""
    height, width, layers = grouped.shape
    n = height * width
    start = np.where(grouped < 0.1, 0, np.where(grouped > 0.9, 1, grouped))
    start = (start / start.sum(axis=2, keepdims=True)).reshape(n, layers).T.ravel()  # layer after layer
    exponent = np.tile((0.9 + np.minimum(gradient_in_slow_loops(image), 0.1)).ravel(), layers) - 2
    coupling = np.kron(np.ones((layers, layers)), np.eye(n))
    system = np.kron(np.eye(layers), laplacian.matrix.toarray()) + 100 * coupling + np.eye(n * layers)
    alphas = start
    for _ in range(20):
        u = np.maximum(abs(1 - alphas), 0.01) ** exponent
        v = np.maximum(abs(alphas), 0.01) ** exponent
        alphas = np.linalg.solve(system + np.diag(u + v), u + start + 100)
    alphas = np.linalg.solve(system, alphas + 100)
    return alphas.reshape(layers, height, width).transpose(1, 2, 0)


def soft_layers(rng: np.random.Generator, height: int, width: int, count: int) -> np.ndarray:
    """Return layers that lean to one of them at each pixel, as grouped layers do."""
    owner = (np.arange(height)[:, None] + 2 * np.arange(width)) * count // (height + 2 * width)
    layers = 0.7 * np.eye(count)[owner] + 0.3 * rng.dirichlet(np.ones(count), (height, width))
    return layers / layers.sum(axis=2, keepdims=True)


@pytest.mark.parametrize("shape", [(5, 8), (9, 4), (3, 3)])
@pytest.mark.parametrize("count", [1, 2, 4])
@pytest.mark.parametrize("preconditioner", [PixelBlocks(), Unpreconditioned()])
def test_against_dense_solves(
    rng: np.random.Generator,
    make_scene: Callable[..., Scene],
    shape: tuple[int, int],
    count: int,
    preconditioner: PixelBlocks | Unpreconditioned,
) -> None:
    scene = make_scene(*shape)
    laplacian, grouped = AFFINITY.laplacian(scene), soft_layers(rng, *shape, count)
    result = relaxed(grouped, laplacian, scene.image, preconditioner)
    # Conjugate gradients stop at a residual of 1e-6; what reweighting makes of that is up to 1e-3 on photos.
    np.testing.assert_allclose(result, relaxed_densely(grouped, laplacian, scene.image), rtol=0, atol=1e-3)


UGLY = {
    "flat": np.full((6, 11, 3), 0.4),
    "smallest": np.random.default_rng(1).random((3, 3, 3)),
    "black and white": np.repeat((np.indices((9, 7)).sum(axis=0) < 7)[:, :, None], 3, axis=2).astype(float),
    "noise": np.random.default_rng(2).random((7, 12, 3)),
    "line": np.random.default_rng(3).random((3, 60, 3)),
}


@pytest.mark.parametrize("image", UGLY)
@pytest.mark.parametrize("count", [1, 3, 12])
def test_preconditioner_changes_the_way_only(rng: np.random.Generator, image: str, count: int) -> None:
    scene = Scene(UGLY[image])
    laplacian, grouped = MattingAffinity().laplacian(scene), soft_layers(rng, *scene.shape, count)
    fast, plain = (relaxed(grouped, laplacian, scene.image, p) for p in (PixelBlocks(), Unpreconditioned()))
    assert np.isfinite(fast).all()
    # The tolerances of the golden test of the same pair.
    assert abs(fast - plain).max() < 2e-3
    assert abs(fast - plain).mean() < 2e-4
    np.testing.assert_allclose(fast.sum(axis=2), 1, atol=0.02)  # a soft constraint of weight 100


def test_one_hard_layer_stays() -> None:
    scene = Scene(UGLY["flat"])
    alphas = relaxed(np.ones((6, 11, 1)), MattingAffinity().laplacian(scene), scene.image)
    # Sparsity pulls to 0 with a weight of 1, to 1 with one of 158; then the sum's with one of 100.
    np.testing.assert_allclose(alphas, 1, atol=1e-4)


def test_default_is_the_preconditioned_one(rng: np.random.Generator, scene: Scene) -> None:
    laplacian, grouped = AFFINITY.laplacian(scene), soft_layers(rng, 13, 18, 3)
    default = relaxed(grouped, laplacian, scene.image)
    assert np.array_equal(default, relaxed(grouped, laplacian, scene.image, PixelBlocks()))
    assert not np.array_equal(default, relaxed(grouped, laplacian, scene.image, Unpreconditioned()))


def test_pixel_blocks_solve_each_pixel_exactly(rng: np.random.Generator) -> None:
    diagonal, right = rng.uniform(0.5, 200, (4, 5000)), rng.normal(size=(4, 5000))
    solved = np.empty_like(right)
    inner = PixelBlocks().apply(diagonal, right, solved)
    blocks = 100 * np.ones((4, 4)) + np.einsum("kp,kl->pkl", diagonal, np.eye(4))
    np.testing.assert_allclose(np.einsum("pkl,lp->kp", blocks, solved), right, atol=1e-11)
    assert inner == pytest.approx(np.vdot(right, solved))


def test_unpreconditioned_leaves_the_right_hand_side(rng: np.random.Generator) -> None:
    diagonal, right = rng.uniform(0.5, 200, (4, 5000)), rng.normal(size=(4, 5000))
    out = np.empty_like(right)
    assert Unpreconditioned().apply(diagonal, right, out) == pytest.approx(np.vdot(right, right))
    np.testing.assert_array_equal(out, right)


def test_bits_do_not_depend_on_the_number_of_threads(
    rng: np.random.Generator, make_scene: Callable[..., Scene], monkeypatch: pytest.MonkeyPatch
) -> None:
    scene = make_scene(60, 80)  # several chunks of pixels
    laplacian, grouped = AFFINITY.laplacian(scene), soft_layers(rng, 60, 80, 3)
    results = []
    for threads in (1, 3):
        monkeypatch.setattr(_threads, "cores", lambda threads=threads: threads)
        results.append(relaxed(grouped, laplacian, scene.image))
    np.testing.assert_array_equal(*results)


def test_layers_as_floats_of_single_precision_are_worked_on_in_double(
    rng: np.random.Generator, scene: Scene
) -> None:
    laplacian, grouped = AFFINITY.laplacian(scene), soft_layers(rng, 13, 18, 3).astype(np.float32)
    single, double = (relaxed(g, laplacian, scene.image) for g in (grouped, grouped.astype(np.float64)))
    assert single.dtype == np.float64
    assert np.array_equal(single, double)


def test_snap() -> None:
    rows = [
        ([0.05, 0.95, 0.0], [0.0, 1.0, 0.0]),
        ([0.3, 0.3, 0.3], [1 / 3, 1 / 3, 1 / 3]),
        ([0.09, 0.5, 0.41], [0.0, 0.5 / 0.91, 0.41 / 0.91]),
        ([-0.2, 1.3, -0.1], [0.0, 1.0, 0.0]),
        ([0.95, 0.95, 0.0], [0.5, 0.5, 0.0]),
        ([0.08, 0.09, 0.01], [0.0, 1.0, 0.0]),  # none of them shows: the strongest has it all
    ]
    alphas, expected = (np.array(column)[None] for column in zip(*rows, strict=True))
    np.testing.assert_allclose(snap(alphas), expected, rtol=0, atol=1e-15)


def test_many_faint_layers(rng: np.random.Generator, scene: Scene) -> None:
    alphas = relaxed(np.full((13, 18, 16), 1 / 16), AFFINITY.laplacian(scene), scene.image)
    assert np.isfinite(alphas).all()
    np.testing.assert_allclose(alphas.sum(axis=2), 1, atol=0.02)


@pytest.mark.parametrize("shape", [(5, 8, 3), (9, 4, 3), (3, 3, 1), (3, 20, 2)])
def test_gradient_in_slow_loops(rng: np.random.Generator, shape: tuple[int, int, int]) -> None:
    image = rng.random(shape)
    np.testing.assert_allclose(image_gradient(image), gradient_in_slow_loops(image), rtol=0, atol=1e-14)


def test_gradient_of_ramps_is_their_slope() -> None:
    y, x = np.mgrid[:25, :31] / 50
    for ramp, slope in ((y, 1), (x, 1), (y + x, np.sqrt(2)), (0 * y, 0)):
        image = np.stack([ramp, -ramp], axis=2)  # two channels: their norm
        # The taps have four digits: they measure a slope to 1e-3.
        assert image_gradient(image)[12, 15] == pytest.approx(slope / 50 * np.sqrt(2), abs=1e-3)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"image": np.zeros((18, 13, 3))}, "image: expected the layers' size (13, 18), got (18, 13)"),
        ({"image": np.zeros((13, 18, 5))}, "image: expected shape (H, W, 3)"),
        ({"grouped": np.full((18, 13, 2), 0.5)}, "image: expected the layers' size (18, 13), got (13, 18)"),
    ],
)
def test_bad_arguments_are_named(scene: Scene, arguments: dict, message: str) -> None:
    usual = {
        "grouped": np.full((13, 18, 2), 0.5),
        "laplacian": MattingAffinity().laplacian(scene),
        "image": scene.image,
    }
    with pytest.raises(ValueError, match=rf"\A{re.escape(message)}[^\n]*\Z"):
        relaxed(**{**usual, **arguments})


def test_the_laplacian_must_be_of_the_same_image(scene: Scene) -> None:
    turned = Laplacian(MattingAffinity().laplacian(scene).matrix, shape=(18, 13))
    with pytest.raises(
        ValueError, match=r"\Alaplacian: expected the layers' size \(13, 18\), got \(18, 13\)\Z"
    ):
        relaxed(np.full((13, 18, 2), 0.5), turned, scene.image)
