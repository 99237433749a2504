"""Links that lead out of docs/ to what has a page here as well: to the changelog, or to an example's script.

On GitHub they lead to the file. In the built pages, Sphinx knows no file outside of docs/ but as a download.
"""

from __future__ import annotations

import os
from pathlib import Path, PurePosixPath

from docutils import nodes
from sphinx import addnodes
from sphinx.application import Sphinx

# What stands at the root of the repository, and the page that includes it or says the same.
PAGES = {
    "CHANGELOG.md": "changelog",
    "CONTRIBUTING.md": "contributing",
    "README.md": "index",
    "SECURITY.md": "security",
}
# Earlier than Sphinx collects the files that are to be downloaded.
BEFORE_DOWNLOADS = 100


def lead_links_to_pages(app: Sphinx, document: nodes.document) -> None:
    """Turn links to files that have a page into links to that page, in a document that was just read."""
    root = Path(app.srcdir).parent
    links = document.findall(
        lambda node: isinstance(node, addnodes.pending_xref | addnodes.download_reference)
    )
    for link in list(links):
        if link.get("reftype") != "myst":
            continue
        target, _, anchor = link["reftarget"].partition("#")
        docname = find_page(file_of(target, link, app, root), app.env.found_docs)
        if docname is not None:
            there = addnodes.pending_xref(
                refdomain="doc",
                reftype="myst",
                reftarget=docname,
                refdoc=link["refdoc"],
                refexplicit=True,
                reftargetid=link.get("reftargetid") or anchor or None,
            )
            there += link.children
            link.replace_self(there)


def file_of(target: str, link: nodes.Element, app: Sphinx, root: Path) -> PurePosixPath:
    """Return the path from the repository's root to what a link leads to."""
    if link.get("refdomain") == "doc":  # of MyST, which has made the path absolute
        path = root / "docs" / target
    else:
        path = Path(app.env.relfn2path(target, link["refdoc"])[1])
    return PurePosixPath(os.path.relpath(path, root).replace(os.sep, "/"))


def find_page(file: PurePosixPath, known: set[str]) -> str | None:
    """Return the page that a file of the repository has here, or None."""
    if file.parts[:1] == ("examples",):
        script = PurePosixPath("gallery", *file.parts[1:])
        folder, script = script / "index", script.with_suffix("")
        return next((str(page) for page in (folder, script) if str(page) in known), None)
    # A page that is included speaks of the files beside it, which are not in docs/.
    name = file.relative_to("docs") if file.parts[:1] == ("docs",) else file
    for candidate in (name, name.with_name(f"{name.name}.md")):
        if str(candidate) in PAGES:
            return PAGES[str(candidate)]
    return None


def setup(app: Sphinx) -> dict[str, bool]:
    """Let Sphinx call this for every document."""
    app.connect("doctree-read", lead_links_to_pages, priority=BEFORE_DOWNLOADS)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
