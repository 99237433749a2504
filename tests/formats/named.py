"""What formats must pass whose layers have names, beside `softseg.testing.FormatCase`."""

from __future__ import annotations

from pathlib import Path

import pytest

from softseg.layers import save
from softseg.testing import FormatCase, unchecked_annotations
from softseg.testing.format import make, names


class NamedCase(FormatCase):
    """Inherit, as from `softseg.testing.FormatCase`."""

    @pytest.mark.parametrize(
        "called", [["фото 写真", "é 🐈"], ["CON", "a/b:c?."], ["black", "<&\"'>]]>"], ["x" * 200, "y"]]
    )
    def test_layers_may_have_any_name(self, tmp_path: Path, called: list[str]) -> None:
        path, result = tmp_path / f"out{self.suffix}", make(6, 10, 2)
        save(path, result)
        usual = path.read_bytes()
        save(path, result, names=called)
        assert names(tmp_path) == [path.name]
        assert path.read_bytes() != usual

    @pytest.mark.parametrize(
        "called",
        ["ab", 3, ["one"], ["a", "b", "c"], ["a", "a"], ["a", ""], ["a", "b\nc"], ["a", 2], {"a", "b"}],
    )
    def test_names_that_no_layers_can_have(self, tmp_path: Path, called: object) -> None:
        message = r"\Anames(\[[0-9]+\])?: expected .+, got .+\Z"
        with unchecked_annotations(), pytest.raises((TypeError, ValueError), match=message):
            save(tmp_path / f"out{self.suffix}", make(5, 8, 2), names=called)
        assert names(tmp_path) == []
