"""Files that appear whole or not at all, even if the program is interrupted while it writes them."""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path


@contextlib.contextmanager
def whole_files(folder: Path) -> Iterator[Path]:
    """Yield a scratch folder; the files written there appear in ``folder`` once the block has succeeded.

    The scratch folder lies inside ``folder``, because moving a file is a single step only within one file
    system.

    Parameters
    ----------
    folder : Path
        It is made if it does not exist.

    Yields
    ------
    Path
        The scratch folder, which is deleted in the end.

    Examples
    --------
    >>> from pathlib import Path
    >>> from tempfile import TemporaryDirectory
    >>> from softseg._files import whole_files
    >>> with TemporaryDirectory() as folder:
    ...     with whole_files(Path(folder)) as scratch:
    ...         _ = (scratch / "note.txt").write_text("done")
    ...     (Path(folder) / "note.txt").read_text()
    'done'
    """
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".softseg-", dir=folder) as scratch:
        yield Path(scratch)
        for file in sorted(Path(scratch).iterdir()):
            os.replace(file, folder / file.name)
