"""Check the built pages' links to each other, without a network: the file must be there, and the anchor.

python docs/check_links.py docs/_build/html

Sphinx checks what is written in its own markup. This reads what came out, whatever it was made from. Links to
other hosts are only counted; `tests/test_docs_links.py` says what they must look like.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from functools import cache
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

# What names another file, by element. A <link rel=canonical> or <meta> is not followed by a reader.
ATTRIBUTES = {"a": "href", "img": "src", "script": "src", "link": "href", "source": "src", "iframe": "src"}


# Files of the theme, among them templates that are no pages.
NO_PAGES = "_static"
# Sources, as sphinx.ext.viewcode shows them. Their links back lead to the right page, but to an anchor that
# takes all of a module's names for names of the package that the first of them is documented in.
SOURCES = "_modules"


class Page(HTMLParser):
    """The anchors of a page, and the links on it with their lines."""

    def __init__(self, file: Path) -> None:
        super().__init__()
        self.anchors: set[str] = set()
        self.links: list[tuple[int, str]] = []
        self.feed(file.read_text(encoding="utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note an element's names, and what it leads to."""
        values = {name: value for name, value in attrs if value}
        self.anchors.update(values[name] for name in ("id", "name") if name in values)
        target = values.get(ATTRIBUTES.get(tag, ""))
        if target is not None:
            self.links.append((self.getpos()[0], target))


@cache
def read(file: Path) -> Page:
    """Return a page, read once."""
    return Page(file)


def broken_links(folder: Path) -> Iterator[str]:
    """Yield a line for each link on a page in the folder, an absolute path, that leads nowhere."""
    for file in pages_of(folder):
        for line, link in read(file).links:
            reason = what_is_wrong(link, file, folder)
            if reason is not None:
                yield f"{file.relative_to(folder)}:{line}: {link}: {reason}"


def pages_of(folder: Path) -> list[Path]:
    """Return the pages in a folder, sorted."""
    files = sorted(folder.rglob("*.html"))
    return [file for file in files if file.relative_to(folder).parts[0] != NO_PAGES]


def what_is_wrong(link: str, file: Path, folder: Path) -> str | None:
    """Return why a link on a page leads nowhere, or None."""
    parts = urlsplit(link)
    if parts.scheme or parts.netloc:
        return None
    target = (file.parent / unquote(parts.path)).resolve() if parts.path else file
    if not target.is_relative_to(folder):
        return "outside of the pages"
    if not target.is_file():
        return "no such file"
    if file.relative_to(folder).parts[0] == SOURCES:
        return None
    anchor = unquote(parts.fragment)
    if anchor and target.suffix == ".html" and anchor not in read(target).anchors:
        return "no such anchor"
    return None


def main() -> None:
    """Print what is broken, and exit with 1 if anything is."""
    folder = Path(sys.argv[1]).resolve()
    broken = list(broken_links(folder))
    print(*broken, sep="\n")
    pages = len(pages_of(folder))
    if not pages:
        sys.exit(f"{folder}: no pages")
    if broken:
        sys.exit(f"{len(broken)} broken links on {pages} pages")
    print(f"{pages} pages, all links between them lead somewhere")


if __name__ == "__main__":
    main()
