"""Print how closely each stage agrees with the golden data, as the table in docs/measurements/agreement.md.

python benchmarks/agreement.py [FOLDER ...]     (default: tests/golden)
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from scipy import sparse

from softseg import ColorAffinity, Laplacian, MattingAffinity, Scene, SemanticAffinity
from softseg.eigen import LOBPCG, Eigenpairs, ShiftInvert
from softseg.sparsify import Unpreconditioned, constrained, image_gradient, relaxed

Golden = dict[str, np.ndarray]


def main() -> None:
    """Print one table of all golden files in the folders named on the command line."""
    folders = [Path(name) for name in sys.argv[1:]] or [Path(__file__).parents[1] / "tests" / "golden"]
    files = sorted(file for folder in folders for file in folder.glob("*.npz"))
    columns = {file.stem: dict(rows(dict(np.load(file)))) for file in files}
    longest_first = sorted(columns.values(), key=len, reverse=True)
    names = list(dict.fromkeys(name for column in longest_first for name in column))
    print("| stage | " + " | ".join(columns) + " |")
    print("|---|" + "---|" * len(columns))
    for name in names:
        print(f"| {name} | " + " | ".join(column.get(name, "") for column in columns.values()) + " |")


def rows(golden: Golden) -> Iterator[tuple[str, str]]:
    """Yield the name and the measured agreement of each stage that a file has data for."""
    scene = Scene(golden["image"], golden["features"], golden["superpixels"])
    terms = {"matting": MattingAffinity(), "semantic": SemanticAffinity(), "color": ColorAffinity()}
    for name, term in terms.items():
        if f"{name}_data" in golden:
            yield (
                f"{name} affinity, largest difference",
                number(matrix_difference(term.matrix(scene), golden, name)),
            )
    laplacian = (terms["matting"] + 0.01 * terms["semantic"] + 0.01 * terms["color"]).laplacian(scene)
    yield "Laplacian, largest difference", number(matrix_difference(laplacian.matrix, golden, "laplacian"))
    yield (
        "image gradient, largest difference",
        number(np.abs(image_gradient(scene.image) - golden["gradient"]).max()),
    )
    if "grouped" in golden:
        for name, preconditioner in {"plain iteration": Unpreconditioned(), "preconditioned": None}.items():
            difference = np.abs(
                relaxed(golden["grouped"].astype(float), laplacian, scene.image, preconditioner)
                - golden["alphas"]
            )
            yield f"relaxed, {name}: worst, mean", f"{number(difference.max())}, {number(difference.mean())}"
    for solver in (ShiftInvert(), LOBPCG()):
        pairs = solver.solve(laplacian, k=100)
        yield from pair_rows(type(solver).__name__, pairs, laplacian, scene, golden)


def pair_rows(
    name: str, pairs: Eigenpairs, laplacian: Laplacian, scene: Scene, golden: Golden
) -> Iterator[tuple[str, str]]:
    """Yield the rows that depend on the eigensolver."""
    values = golden["eigenvalues"]
    yield (
        f"{name}: eigenvalues, error over the largest",
        number(np.abs(pairs.values - values).max() / values[-1]),
    )
    if "eigenvectors" in golden:
        vectors = golden["eigenvectors"] / np.linalg.norm(golden["eigenvectors"], axis=0)
        missed = 1 - np.linalg.norm(pairs.vectors.T @ vectors, axis=0)
        yield (
            f"{name}: golden vectors in the span, 1 - cos, first 95 / all",
            (f"{number(max(missed[:95].max(), 0))} / {number(max(missed.max(), 0))}"),
        )
    labels = golden["initial_labels"].astype(int)
    if "constrained_1_iteration" in golden and name == "ShiftInvert":
        once = constrained(pairs, labels, iterations=1, sample=None)
        yield (
            "constrained after 1, largest difference",
            number(np.abs(once - golden["constrained_1_iteration"]).max()),
        )
    layers = constrained(pairs, labels)
    target = golden.get("grouped", golden["alphas"])
    if "constrained" in golden:
        theirs = golden["constrained"].astype(float)
        distance = np.abs(layers[..., None] - theirs[:, :, None]).mean(axis=(0, 1))
        yield f"{name}: layers after 40, ours and theirs", f"{layers.shape[2]} and {theirs.shape[2]}"
        yield f"{name}: matched layers, mean difference, worst layer", number(distance.min(axis=0).max())
    alphas = relaxed(grouped_by_overlap(layers, target), laplacian, scene.image)
    yield f"{name}: whole chain, mean difference of alphas", number(np.abs(alphas - golden["alphas"]).mean())


def matrix_difference(matrix: sparse.csr_array, golden: Golden, name: str) -> float:
    """Return the largest difference of a matrix to the golden one."""
    arrays = (golden[f"{name}_{part}"] for part in ("data", "indices", "indptr"))
    return float(abs(matrix - sparse.csr_array(tuple(arrays), shape=matrix.shape)).max())


def grouped_by_overlap(layers: np.ndarray, target: np.ndarray) -> np.ndarray:
    """Add each layer to the golden group it overlaps most, which leaves grouping's random k-means out."""
    overlap = np.einsum("hwk,hwg->kg", layers, target)
    groups = overlap.argmax(axis=1)
    return np.stack([layers[:, :, groups == g].sum(axis=2) for g in range(target.shape[2])], axis=2)


def number(value: float) -> str:
    """Return a number with two digits."""
    return f"{value:.1e}" if value < 0.001 else f"{value:.2g}"


if __name__ == "__main__":
    main()
