"""Files out: the suffix chooses the writer."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from tests.formats.format_case import Make, names

from softseg.formats.registry import FORMATS
from softseg.layers import save


@pytest.mark.parametrize("name", ["layers.tif", "layers.npz.gz", "v0.1"])
def test_unknown_suffixes_list_the_known_ones(tmp_path: Path, make_segmentation: Make, name: str) -> None:
    known = ", ".join(FORMATS).replace(".", r"\.")
    with pytest.raises(ValueError, match=rf"\Apath: expected a folder or .* {known}, got .*{name}\Z"):
        save(tmp_path / name, make_segmentation(5, 8, 2))
    assert names(tmp_path) == []


def test_known_options_are_named(tmp_path: Path, make_segmentation: Make) -> None:
    result = make_segmentation(5, 8, 2)
    with pytest.raises(TypeError, match=r"\Ablnd: no option of \.PSD, which has blend\Z"):
        save(tmp_path / "out.PSD", result, blnd="normal")
    with pytest.raises(TypeError, match=r"\Ablend: no option of \.npz, which has none\Z"):
        save(tmp_path / "out.npz", result, blend="normal")


def test_the_methods_save_and_load(tmp_path: Path, make_segmentation: Make) -> None:
    result = make_segmentation(5, 8, 2)
    result.save(tmp_path / "out.npz")
    assert (type(result).load(tmp_path / "out.npz").alphas == result.alphas).all()


def test_a_format_costs_nothing_until_it_is_written() -> None:
    code = (
        "import sys; from softseg.layers import save, load;"
        "print(*{'psd_tools', 'pycocotools', 'torch', 'PIL'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert done.stdout.split() in ([], ["PIL"])
