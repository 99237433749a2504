"""The example notebooks run from top to bottom, and show what they say."""

from __future__ import annotations

import base64
import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

nbformat = pytest.importorskip("nbformat", reason="the example notebooks: no nbformat")
nbclient = pytest.importorskip("nbclient", reason="the example notebooks: no nbclient")
pytest.importorskip("ipykernel", reason="the example notebooks: no ipykernel")

NOTEBOOKS = Path(__file__).parents[1] / "examples" / "notebooks"


def read(path: Path) -> Any:
    return nbformat.read(path, as_version=4)


@pytest.fixture(scope="module")
def first_steps(tmp_path_factory: pytest.TempPathFactory) -> tuple[Any, Path]:
    """Run the notebook once; return it, and the folder in which it ran."""
    folder = tmp_path_factory.mktemp("notebook")
    notebook = read(NOTEBOOKS / "first_steps.ipynb")
    resources = {"metadata": {"path": str(folder)}}
    nbclient.NotebookClient(notebook, timeout=200, resources=resources).execute()
    return notebook, folder


def shown(notebook: Any, kind: str) -> list[Any]:
    """Return what the cells show of a kind, such as ``"image/png"``."""
    outputs = (output for cell in notebook.cells for output in cell.get("outputs", ()))
    return [output.data[kind] for output in outputs if kind in output.get("data", {})]


def pictures(notebook: Any) -> list[np.ndarray]:
    found = []
    for text in shown(notebook, "image/png"):
        with Image.open(io.BytesIO(base64.b64decode(text))) as image:
            found.append(np.asarray(image).astype(int))
    return found


def test_there_is_one() -> None:
    assert [path.name for path in sorted(NOTEBOOKS.iterdir())] == ["first_steps.ipynb"]


@pytest.mark.parametrize("path", sorted(NOTEBOOKS.glob("*.ipynb")), ids=lambda path: path.stem)
class TestEveryNotebook:
    def test_is_valid_and_begins_by_saying_what_it_does(self, path: Path) -> None:
        notebook = read(path)
        nbformat.validate(notebook)
        assert notebook.cells[0].cell_type == "markdown"
        assert notebook.cells[0].source.startswith("# ")

    def test_is_kept_without_outputs(self, path: Path) -> None:
        cells = [cell for cell in read(path).cells if cell.cell_type == "code"]
        assert all(cell.outputs == [] and cell.execution_count is None for cell in cells)

    def test_the_docs_link_to_it(self, path: Path) -> None:
        viewer = (NOTEBOOKS.parents[1] / "docs" / "guides" / "viewer.md").read_text(encoding="utf-8")
        assert f"(../../examples/notebooks/{path.name})" in viewer


def test_nothing_is_printed_as_an_error(first_steps: tuple[Any, Path]) -> None:
    notebook, _ = first_steps
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", ())]
    assert [output for output in outputs if output.output_type in ("error", "stream")] == []


def test_the_viewer_is_shown(first_steps: tuple[Any, Path]) -> None:
    (page,) = shown(first_steps[0], "text/html")
    assert page.startswith("<iframe srcdoc=")


def test_the_layers_add_up_as_it_says(first_steps: tuple[Any, Path]) -> None:
    (line,) = (text for text in shown(first_steps[0], "text/plain") if text.startswith("(("))
    _, *largest = eval(line, {"__builtins__": {}})
    assert max(largest) < 1e-5


def test_the_click_selects_the_rocket_and_the_sky_is_replaced(first_steps: tuple[Any, Path]) -> None:
    _, mask, picture = pictures(first_steps[0])
    assert mask[50, 81] > 200  # where it clicks
    assert (mask > 127).mean() < 0.1
    np.testing.assert_allclose(picture[5, 60], 255 * np.array([0.95, 0.6, 0.35]), atol=25)  # the sky


def test_it_leaves_the_files_that_it_names(first_steps: tuple[Any, Path]) -> None:
    assert {path.name for path in first_steps[1].iterdir()} == {"rocket.npz", "rocket.ora"}
