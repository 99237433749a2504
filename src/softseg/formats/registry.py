"""File formats by suffix. A new one is a module and one line here, `register`, or an entry point."""

from __future__ import annotations

import contextlib
import inspect
import os
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, final

from softseg._files import real_path
from softseg._files import whole_files as whole_files
from softseg._paths import check_name, clear_errors, show_path
from softseg._registry import Reference, Registry

if TYPE_CHECKING:
    from softseg.affinity import Affinity
    from softseg.layers.stack import Decomposition


@final
@dataclass(frozen=True)
class Format:
    """A file format: what it is for, what writes it, and what reads it if that can be done.

    Every parameter is an attribute of the same name. `softseg.testing.FormatCase` has the tests that a new
    format must pass, and the guides have a whole one (docs/guides/own-file-format.md).

    Parameters
    ----------
    meaning : str
        What a file of it is to a person, in a few words; the command line says so.
    writer : callable or str
        Takes a path, a result, and options by name. A text says where it is, ``"package.module:function"``;
        it is then imported when a file is written.
    reader : callable or str, optional
        Takes a path, and what `SoftSegmentation.load` was given as the affinity, which may be None. It
        returns the keyword arguments of `softseg.SoftSegmentation` as a dict. A text says where it is,
        likewise. Default: None, files of this format are written only.
    longest_side : int, optional
        The most pixels that a photo may have along a side. Default: None, any number.
    check : callable or str, optional
        Takes the options that the writer will be given, by name, and raises what keeps it from writing
        whatever the result, such as a package that is missing. It is called before any work. Default: None,
        the writer's module raises that when it is imported, or nothing does.

    Raises
    ------
    ValueError
        If the writer, reader or check is a text that is not of this form.

    See Also
    --------
    softseg.formats.register : Makes a format known by its suffix.

    Examples
    --------
    >>> from pathlib import Path
    >>> from tempfile import TemporaryDirectory
    >>> import numpy as np
    >>> from softseg.formats import Format
    >>> from softseg.testing import random_result
    >>> def save_means(path, result, digits=3):
    ...     path.write_text(str(result.alphas.mean(axis=(0, 1)).round(digits)))
    >>> shares = Format("the layers' shares of the photo", save_means)
    >>> shares.check_options({"digits": 2})                     # nothing keeps it from writing
    >>> with TemporaryDirectory() as folder:
    ...     path = Path(folder, "shares.txt")
    ...     shares.load_writer()(path, random_result(np.random.default_rng(0), 20, 30, 2), digits=2)
    ...     path.read_text().count(".")
    2
    >>> shares.load_reader() is None
    True
    """

    meaning: str
    writer: Callable[..., None] | str
    reader: Callable[..., dict[str, Any]] | str | None = None
    longest_side: int | None = None
    check: Callable[..., None] | str | None = None

    def __post_init__(self) -> None:
        for function in (self.writer, self.reader, self.check):
            if isinstance(function, str):
                Reference(function)  # raises

    def load_writer(self) -> Callable[..., None]:
        """Return the function that writes, and import it if that has not been done.

        Returns
        -------
        callable
            It takes a path, a result, and options by name.

        Raises
        ------
        ImportError
            If its module, or a package that this needs, is not installed.
        """
        return Reference(self.writer).load() if isinstance(self.writer, str) else self.writer

    def check_options(self, options: dict[str, Any]) -> None:
        """Raise what keeps the writer from writing with these options, whatever the result.

        Parameters
        ----------
        options : dict of str to object
            The options that the writer will be given, by name.

        Raises
        ------
        ImportError
            If a package is missing that the writer needs; or whatever ``check`` raises.
        """
        self.load_writer()  # whose module imports what it cannot do without
        if self.check is not None:
            check = Reference(self.check).load() if isinstance(self.check, str) else self.check
            check(**options)

    def load_reader(self) -> Callable[..., dict[str, Any]] | None:
        """Return the function that reads, and import it if that has not been done.

        Returns
        -------
        callable or None
            It takes a path and an affinity or None, and returns the arguments of a result. None if files of
            this format are written only.

        Raises
        ------
        ImportError
            If its module, or a package that this needs, is not installed.
        """
        return Reference(self.reader).load() if isinstance(self.reader, str) else self.reader


#: File formats by suffix: ``FORMATS[".psd"]`` is a `softseg.formats.Format`, and iterating gives the
#: suffixes. Scripts add to it by `register`, and installed packages by entry points of the group
#: ``softseg.formats``.
# What stands here imports nothing: the command line's help lists the meanings, and every library costs
# something to import.
FORMATS: Registry[Format] = Registry(
    "formats",
    "format",
    {},
    check=lambda thing: None if isinstance(thing, Format) else "a softseg.formats.Format",
    called="suffix",
)
FORMATS.register(
    ".npz",
    Format(
        "everything, for softseg select and SoftSegmentation.load",
        "softseg.formats.npz:save_npz",
        "softseg.formats.npz:load_npz",
    ),
)
FORMATS.register(
    ".psd",
    # "Adobe Photoshop File Formats Specification", File header section: height and width up to 30,000.
    Format("layers for Photoshop and GIMP", "softseg.formats.psd:save_psd", longest_side=30_000),
)
FORMATS.register(
    ".ora", Format("layers for Krita, MyPaint and GIMP", "softseg.formats.openraster:save_openraster")
)
FORMATS.register(".exr", Format("linear layers for Nuke and Blender", "softseg.formats.exr:save_exr"))
FORMATS.register(".html", Format("a page to look at", "softseg.formats.viewer:save_html"))
FORMATS.register(".png", Format("the label map", "softseg.formats.label_map:save_label_map"))
FORMATS.register(".tif", Format("alphas as pages of 16 bits", "softseg.formats.tiff:save_tiff"))
FORMATS.register(".tiff", Format("the same", "softseg.formats.tiff:save_tiff"))
FORMATS.register(
    ".json",
    Format("COCO annotations", "softseg.formats.coco:save_coco", check="softseg.formats.coco:check_coco"),
)

#: What a folder gets.
FOLDER = Format("one RGBA PNG per layer", "softseg.formats.png:save_png_folder")


def register(suffix: str, new: Format | str) -> None:
    """Make a format available to `save`, to the command line, and with a reader to `SoftSegmentation.load`.

    Parameters
    ----------
    suffix : str
        What files of it end in, in lower case: ``".zip"``. Files may be written in capitals.
    new : Format or str
        The format, or where it is, as ``"package.module:attribute"``.

    Raises
    ------
    ValueError
        If the suffix is not of this form or taken, or a text is not of the form above.

    Examples
    --------
    >>> from softseg.formats import Format, register
    >>> def save_means(path, result):
    ...     path.write_text(str(result.alphas.mean(axis=(0, 1))))
    >>> register(".txt", Format("the layers' shares of the photo", save_means))  # doctest: +SKIP
    """
    if not re.fullmatch(r"\.[^./\\\s]+", suffix) or suffix != suffix.lower():
        raise ValueError(f"suffix: expected a dot and lower-case letters, such as '.zip', got {suffix!r}")
    if not isinstance(new, Format | str):
        raise TypeError(f"new: expected a softseg.formats.Format, got {type(new).__name__}")
    FORMATS.register(suffix, new)


def format_of(path: str | os.PathLike[str]) -> Format | None:
    """Return the format that a path's suffix stands for.

    Parameters
    ----------
    path : str or path
        A path, of which only the suffix counts, in lower case or capitals. A path without a suffix is a
        folder.

    Returns
    -------
    Format or None
        None if the suffix stands for no format.

    Examples
    --------
    >>> from softseg.formats import format_of
    >>> format_of("photo.PSD").meaning
    'layers for Photoshop and GIMP'
    """
    suffix = Path(path).suffix.lower()
    if suffix not in FORMATS:
        return None
    return FORMATS[suffix]


def save(path: str | os.PathLike[str], result: Decomposition, **options: Any) -> None:
    """Write a result in the format that the path's suffix stands for.

    What can be known to be impossible is refused before any work (`check_output`), even before the layers'
    colors are found, which takes seconds for a large photo. Files are written whole or not at all; what is
    there already is replaced, missing folders are made.

    Parameters
    ----------
    path : str or path
        One of

        - ``*.npz``: everything, for `SoftSegmentation.load` (`softseg.formats.npz.save_npz`)
        - ``*.psd``: layers for Photoshop and GIMP (`softseg.formats.psd.save_psd`)
        - ``*.ora``: layers for Krita, MyPaint and GIMP (`softseg.formats.openraster.save_openraster`)
        - ``*.exr``: linear layers for Nuke and Blender (`softseg.formats.exr.save_exr`)
        - ``*.html``: a page to look at (`softseg.formats.viewer.save_html`)
        - ``*.png``: a label map (`softseg.formats.label_map.save_label_map`)
        - ``*.tif``, ``*.tiff``: alphas as pages of 16 bits (`softseg.formats.tiff.save_tiff`)
        - ``*.json``: COCO annotations (`softseg.formats.coco.save_coco`)
        - any other suffix that a format was registered for
        - a folder, or a path without a suffix: one RGBA PNG per layer (`softseg.formats.png.save_png_folder`)
    result : SoftSegmentation
        What to write.
    **options
        Of the format; see its writer.

    Raises
    ------
    ValueError
        If the suffix stands for no format, or the photo is too large for it.
    TypeError
        If the format has no such option.
    ImportError
        If the format needs a package that is not installed.
    OSError
        If the file or folder cannot be written.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> import numpy as np
    >>> from pathlib import Path
    >>> from softseg.formats import save
    >>> from softseg.testing import random_result
    >>> result = random_result(np.random.default_rng(0), 20, 30, 3)     # stands for segment("photo.jpg")
    >>> with TemporaryDirectory() as folder:
    ...     save(f"{folder}/photo.npz", result)
    ...     save(f"{folder}/photo.ora", result, blend="normal")
    ...     sorted(path.name for path in Path(folder).iterdir())
    ['photo.npz', 'photo.ora']
    """
    path = Path(path)
    writer = _find_format(path).load_writer()
    _check_options(path, writer, options)
    check_output(path, *result.alphas.shape[:2], **options)
    writer(path, result, **options)


def check_output(path: str | os.PathLike[str], height: int, width: int, **options: Any) -> None:
    """Raise now what would keep a photo's layers from being written there later, as far as it can be known.

    Missing folders are made.

    Parameters
    ----------
    path : str or path
        What will be given to `save`.
    height, width : int
        The photo's, in pixels.
    **options
        What will be given to `save` besides.

    Raises
    ------
    ValueError
        If the suffix stands for no format, or the photo is too large for it.
    ImportError
        If the format needs a package that is not installed.
    OSError
        If the folder cannot be made or written.

    Examples
    --------
    >>> from softseg.formats import check_output
    >>> check_output("photo.psd", 400, 40_000)
    Traceback (most recent call last):
    ValueError: path: a .psd file holds at most 30000 pixels a side, got 40000x400 for photo.psd
    """
    path = Path(path)
    chosen = _find_format(path)
    if chosen.longest_side is not None and max(height, width) > chosen.longest_side:
        raise ValueError(
            f"path: a {path.suffix.lower()} file holds at most {chosen.longest_side} pixels a side, "
            f"got {width}x{height} for {show_path(path)}"
        )
    chosen.check_options(options)
    with clear_errors("path", path, "write"):
        with contextlib.suppress(FileNotFoundError):
            path.lstat()  # says if the name is too long
        target = real_path(path) if path.is_symlink() else path  # a file appears where a link leads
    with whole_files(target if chosen is FOLDER else target.parent):
        pass  # only to see that it can be done


def _find_format(path: Path) -> Format:
    check_name("path", path)
    chosen = FOLDER if os.path.isdir(path) or not path.suffix else format_of(path)
    if chosen is None:
        known = ", ".join(FORMATS)
        raise ValueError(f"path: expected a folder or a name that ends in {known}, got {show_path(path)}")
    return chosen


def read(path: str | os.PathLike[str], affinity: Affinity | None = None) -> dict[str, Any]:
    """Read a file of the format that the path's suffix stands for, as what `SoftSegmentation` is made of.

    Parameters
    ----------
    path : str or path
        ``*.npz`` (`softseg.formats.npz.load_npz`), or any other suffix that a format with a reader was
        registered for.
    affinity : Affinity, optional
        What the Laplacian was made of. Default: what the file says.

    Returns
    -------
    dict
        The keyword arguments of `softseg.SoftSegmentation`, whose `load` makes one of them.

    Raises
    ------
    ValueError
        If the suffix stands for no format that can be read; the message lists those that do. Or if the file
        is not of that format.
    FileNotFoundError
        If there is no such file.

    Examples
    --------
    >>> from softseg.formats.registry import read
    >>> read("a.psd")
    Traceback (most recent call last):
    ValueError: path: expected an archive that softseg saved and can read, whose name ends in .npz, got a.psd
    """
    chosen = format_of(path)
    reader = None if chosen is None else chosen.load_reader()
    if reader is None:
        known = ", ".join(suffix for suffix in FORMATS if _is_readable(suffix))
        raise ValueError(
            f"path: expected an archive that softseg saved and can read, whose name ends in {known}, "
            f"got {show_path(path)}"
        )
    return reader(path, affinity)


def _is_readable(suffix: str) -> bool:
    try:
        return FORMATS[suffix].reader is not None
    except (ImportError, AttributeError, TypeError):  # another package's, which is broken
        return False


def _check_options(path: Path, writer: Callable[..., None], options: dict[str, Any]) -> None:
    _, _, *parameters = inspect.signature(writer).parameters.values()
    if any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters):
        return  # a writer that takes any option checks them itself
    known = [parameter.name for parameter in parameters]
    for option in options:
        if option not in known:
            raise TypeError(
                f"{option}: no option of {path.suffix or 'a folder'}, which has {', '.join(known) or 'none'}"
            )
