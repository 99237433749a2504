"""Files that appear whole or not at all."""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path


@contextlib.contextmanager
def whole_files(folder: Path) -> Iterator[Path]:
    """Yield a scratch folder; the files written there appear in ``folder`` once the block has succeeded.

    ``folder`` is made if need be. The scratch folder lies inside it, because only within one file system is
    moving a file a single step.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".softseg-", dir=folder) as scratch:
        yield Path(scratch)
        for file in sorted(Path(scratch).iterdir()):
            os.replace(file, folder / file.name)
