"""The first page that a newcomer reads: its code runs from top to bottom, and shows what comes out."""

from __future__ import annotations

import re
import textwrap
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import softseg
from softseg import Settings, segmentation

PAGE = Path(__file__).parents[1] / "docs" / "start.md"
#: So that the sample photo takes seconds: what the page says holds for any size.
WORKING_PIXELS = 40 * 40


def blocks(language: str) -> list[str]:
    """Return the page's code in one language, that in lists as well."""
    found = re.findall(rf"^ *```{language}\n(.*?)^ *```$", PAGE.read_text(encoding="utf-8"), re.M | re.S)
    return [textwrap.dedent(block) for block in found]


@pytest.mark.filterwarnings("ignore:n_layers")  # so small a photo may have fewer layers
def test_the_code_runs_in_order(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(segmentation, "DEFAULT", Settings(working_pixels=WORKING_PIXELS))
    names: dict[str, object] = {}
    for block in blocks("python"):
        exec(compile(block, PAGE.name, "exec"), names)
    (transcript,) = blocks("text")
    printed = capsys.readouterr().out
    assert printed.splitlines()[0] == transcript.splitlines()[0]
    assert len(printed.splitlines()) == len(transcript.splitlines())
    for line in printed.splitlines()[1:]:
        assert re.fullmatch(r"  \[\d\] +[\d.]+%  #[0-9a-f]{6}>?", line), line

    for name in re.findall(r'\.save\("([^"]+)"\)', "".join(blocks("python"))):
        assert (tmp_path / name).exists(), name
    again = softseg.SoftSegmentation.load(tmp_path / "photo.npz")
    assert again.alphas.shape == (512, 512, 5)
    cut_out = np.asarray(Image.open(tmp_path / "cut_out.png"))
    assert (
        np.ptp(np.subtract(cut_out[5, 256], [0, 153, 76], dtype=int)) <= 1
    )  # nothing of the person is there


def test_the_commands_are_those_of_the_command_line() -> None:
    from softseg.cli.app import app

    known = {
        command.name or command.callback.__name__.replace("_", "-") for command in app.registered_commands
    }
    lines = [line for block in blocks("console") for line in block.splitlines()]
    used = {line.split()[1] for line in lines if line.startswith("softseg ")}
    assert used == {"demo", "segment", "select", "refine"}
    assert used <= known
