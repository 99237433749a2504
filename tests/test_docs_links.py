"""Links of the pages: those to other hosts are well-formed, those between built pages are checked."""

from __future__ import annotations

import importlib.util
import re
import subprocess
import sys
from pathlib import Path, PurePosixPath
from types import ModuleType
from urllib.parse import urlsplit

import pytest

ROOT = Path(__file__).parents[1]
CHECKER = ROOT / "docs" / "check_links.py"
PAGES = [
    *sorted(ROOT.glob("*.md")),
    *(page for page in sorted((ROOT / "docs").rglob("*.md")) if not {"_build", "gallery"} & set(page.parts)),
]


def external_links(text: str) -> list[str]:
    """Return what a page's links to other hosts lead to: those with a text, and bare ones."""
    return re.findall(r"\]\((\w+:[^)\s]*)\)", text) + re.findall(r"<(\w+:[^>\s]+)>", text)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_to_other_hosts_are_well_formed(page: Path) -> None:
    text = re.sub(r"^ *```.*?^ *```$", "", page.read_text(encoding="utf-8"), flags=re.M | re.S)
    for link in external_links(re.sub(r"`[^`\n]*`", "", text)):
        parts = urlsplit(link)
        assert parts.scheme == "https", link
        assert re.fullmatch(r"([a-z0-9-]+\.)+[a-z]{2,}", parts.netloc), link
        assert not re.search(r"[\s<>\"{}|\\^`]", link), link


def test_links_are_found() -> None:
    text = "[a](https://a.org/x) <http://b.org> [c](d.md) <br> [e](mailto:f@g.org)"
    assert external_links(text) == ["https://a.org/x", "mailto:f@g.org", "http://b.org"]


def load(script: Path) -> ModuleType:
    """Return a script of docs/ as a module."""
    spec = importlib.util.spec_from_file_location(script.stem, script)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def check_links() -> ModuleType:
    """Return the script that make docs runs."""
    return load(CHECKER)


@pytest.fixture
def pages(tmp_path: Path) -> Path:
    """Return a folder of two pages, a picture, and a file of the theme."""
    (tmp_path / "sub").mkdir()
    (tmp_path / "_static").mkdir()
    (tmp_path / "photo 1.png").touch()
    (tmp_path / "_static" / "template.html").write_text('<a href="{{ nowhere }}">x</a>')
    (tmp_path / "sub" / "b.html").write_text(
        '<h1 id="what-is-it?">b</h1><a name="old" href="../a.html#top">a</a>'
    )
    return tmp_path


@pytest.mark.parametrize(
    "element",
    [
        '<a href="sub/b.html">x</a>',
        '<a href="sub/b.html#what-is-it%3F">x</a>',
        '<a href="sub/b.html#old">x</a>',
        '<a href="sub/b.html?highlight=x#old">x</a>',
        '<a href="#top">x</a>',
        '<a href="#">x</a>',
        '<img src="photo%201.png">',
        '<a href="photo%201.png#xywh=1,2,3,4">x</a>',
        '<a href="https://nowhere.example/x#y">x</a>',
        '<a href="//nowhere.example/x">x</a>',
        '<a href="mailto:a@b.org">x</a>',
        '<img src="data:image/gif;base64,R0lGODlhAQABAAAAACw=">',
        "<a>x</a>",
    ],
)
def test_what_leads_somewhere_is_not_reported(check_links: ModuleType, pages: Path, element: str) -> None:
    (pages / "a.html").write_text(f'<p id="top">{element}</p>')
    assert list(check_links.broken_links(pages)) == []


@pytest.mark.parametrize(
    ("element", "reason"),
    [
        ('<a href="c.html">x</a>', "no such file"),
        ('<a href="sub">x</a>', "no such file"),
        ('<a href="b.html#old">x</a>', "no such file"),
        ('<a href="sub/b.html#Old">x</a>', "no such anchor"),
        ('<a href="#bottom">x</a>', "no such anchor"),
        ('<img src="photo.png">', "no such file"),
        ('<link rel="stylesheet" href="style.css">', "no such file"),
        ('<script src="script.js"></script>', "no such file"),
        ('<a href="../outside.html">x</a>', "outside of the pages"),
        ('<a href="/index.html">x</a>', "outside of the pages"),
    ],
)
def test_what_leads_nowhere_is_one_line(
    check_links: ModuleType, pages: Path, element: str, reason: str
) -> None:
    (pages / "a.html").write_text(f'<p id="top">x</p>\n{element}')
    (line,) = check_links.broken_links(pages)
    assert line.startswith("a.html:2: ")
    assert line.endswith(f": {reason}")


def test_anchors_of_sources_are_not_looked_for(check_links: ModuleType, pages: Path) -> None:
    (pages / "_modules").mkdir()
    (pages / "a.html").write_text('<p id="top">x</p>')
    (pages / "_modules" / "c.html").write_text('<a href="../a.html#x">x</a>\n<a href="../d.html#x">x</a>')
    assert [line.split(": ")[0] for line in check_links.broken_links(pages)] == ["_modules/c.html:2"]


@pytest.mark.parametrize("anchor", ["top", "bottom"])
def test_the_exit_code_says_whether_all_is_well(pages: Path, anchor: str) -> None:
    (pages / "a.html").write_text(f'<p id="top">x</p><a href="#{anchor}">x</a>')
    run = subprocess.run(
        [sys.executable, CHECKER, "."], cwd=pages, capture_output=True, text=True, check=False
    )
    assert run.returncode == (anchor == "bottom"), run.stderr
    assert ("1 broken links on 2 pages" in run.stderr) == (anchor == "bottom")


def test_a_folder_without_pages_is_an_error(tmp_path: Path) -> None:
    run = subprocess.run([sys.executable, CHECKER, tmp_path], capture_output=True, text=True, check=False)
    assert run.returncode == 1
    assert "no pages" in run.stderr


@pytest.mark.parametrize(
    ("file", "page"),
    [
        ("CHANGELOG.md", "changelog"),
        ("CHANGELOG", "changelog"),  # as MyST hands on what it takes for a page
        ("docs/SECURITY.md", "security"),  # on an included page, which speaks of the files beside it
        ("examples", "gallery/index"),
        ("examples/use/first_use.py", "gallery/use/first_use"),
        ("examples/notebooks/first_steps.ipynb", None),
        ("LICENSE", None),
        ("docs/start.md", None),  # Sphinx knows it
    ],
)
def test_files_of_the_repository_have_pages(file: str, page: str | None) -> None:
    pytest.importorskip("sphinx")
    links = load(ROOT / "docs" / "extensions" / "repository_links.py")
    known = {"changelog", "security", "start", "gallery/index", "gallery/use/first_use"}
    assert links.find_page(PurePosixPath(file), known) == page
