"""Photos and outputs at URLs, on fsspec's file system in memory, which all of a process shares."""

from __future__ import annotations

import io
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import fsspec
import numpy as np
import pytest
from PIL import Image
from tests.cli.command import FakeSegment, one_line

import softseg
from softseg.batch import segment_files
from softseg.cli import main
from softseg.cli.places import Url, as_place, is_url

OUTPUTS = ["-o", "memory://out/{name}.npz", "-o", "memory://out/{name}_layers"]


@pytest.fixture
def memory(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Any]:
    """Yield the file system, with two photos in a folder, a text, and a hidden photo."""
    files = fsspec.filesystem("memory")
    rng = np.random.default_rng(3)
    for name in ("a.png", "b.png", ".hidden.png"):
        content = io.BytesIO()
        Image.fromarray(rng.integers(0, 256, (24, 32, 3), dtype=np.uint8)).save(content, "png")
        files.pipe_file(f"/album/{name}", content.getvalue())
    files.pipe_file("/album/notes.txt", b"no photo")
    monkeypatch.chdir(tmp_path)
    yield files
    for name in files.ls("/", detail=False):
        files.rm(name, recursive=True)


class TestBothWays:
    def test_a_folder_there_and_outputs_there(
        self, segment: FakeSegment, memory: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        assert main(["segment", "memory://album/", *OUTPUTS]) == 0
        printed = capsys.readouterr()
        assert printed.err == ""
        assert (
            "memory://album/a.png: 2 soft layers in memory://out/a_layers, memory://out/a.npz" in printed.out
        )
        assert "2 done\nskipped 1 file that Pillow does not open as photos: notes.txt" in printed.out
        assert memory.find("/out") == [
            "/out/.softseg/a.npz.json",
            "/out/.softseg/b.npz.json",
            "/out/a.npz",
            *(f"/out/a_layers/{name}" for name in (".softseg/folder.json", "contact_sheet.png")),
            *(f"/out/a_layers/{name}" for name in ("layer_1.png", "layer_2.png", "layers.npz")),
            "/out/b.npz",
            *(f"/out/b_layers/{name}" for name in (".softseg/folder.json", "contact_sheet.png")),
            *(f"/out/b_layers/{name}" for name in ("layer_1.png", "layer_2.png", "layers.npz")),
        ]
        memory.get_file("/out/a.npz", str(tmp_path / "a.npz"))
        assert softseg.SoftSegmentation.load(tmp_path / "a.npz").alphas.shape == (24, 32, 2)
        assert list(tmp_path.iterdir()) == [tmp_path / "a.npz"]

    def test_there_and_back_give_the_same_files(self, segment: FakeSegment, memory: Any) -> None:
        memory.get_file("/album/a.png", "a.png")
        assert main(["segment", "memory://album/a.png", "-o", "from_there.json", "-q"]) == 0
        assert main(["segment", "a.png", "-o", "memory://out/to_there.json", "-q"]) == 0
        assert main(["segment", "a.png", "-o", "here.json", "-q"]) == 0
        here = Path("here.json").read_bytes()
        assert Path("from_there.json").read_bytes() == here == memory.cat_file("/out/to_there.json")
        records = [Path(f".softseg/{name}.json.json").read_bytes() for name in ("here", "from_there")]
        records.append(memory.cat_file("/out/.softseg/to_there.json.json"))
        made_from = [json.loads(record)["made_from"] for record in records]
        assert made_from[0] == made_from[1] == made_from[2]

    def test_urls_of_files_here(self, segment: FakeSegment, memory: Any, tmp_path: Path) -> None:
        memory.get_file("/album/a.png", "a b.png")
        assert (
            main(["segment", f"file://{tmp_path}/a b.png", "-o", f"file://{tmp_path}/o/{{name}}.npz", "-q"])
            == 0
        )
        assert (tmp_path / "o" / "a b.npz").is_file()
        assert main(["segment", "a b.png", "-o", "o/{name}.npz", "-q"]) == 0
        assert len(segment.images) == 1  # it is the same output


class TestRecords:
    def test_what_is_finished_is_neither_done_nor_fetched_again(
        self, segment: FakeSegment, memory: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        assert main(["segment", "memory://album/*.png", *OUTPUTS, "-q"]) == 0
        assert len(segment.images) == 2
        before = {name: memory.info(name)["created"] for name in memory.find("/out")}
        fetched: list[str] = []
        get_file = type(memory).get_file

        def watch(self: Any, path: str, *arguments: Any, **options: Any) -> Any:
            fetched.append(path)
            return get_file(self, path, *arguments, **options)

        monkeypatch.setattr(type(memory), "get_file", watch)
        assert main(["segment", "memory://album/*.png", *OUTPUTS, "-q"]) == 0
        assert len(segment.images) == 2
        assert {name: memory.info(name)["created"] for name in memory.find("/out")} == before
        assert [name for name in fetched if "/out/" in name and RECORD not in name] == []

    def test_a_copy_with_the_same_content_is_finished_too(self, segment: FakeSegment, memory: Any) -> None:
        assert main(["segment", "memory://album/a.png", *OUTPUTS, "-q"]) == 0
        memory.pipe_file("/out/a.npz", memory.cat_file("/out/a.npz"))
        assert main(["segment", "memory://album/a.png", *OUTPUTS, "-q"]) == 0
        assert len(segment.images) == 1

    @pytest.mark.parametrize("changed", ["/out/a.npz", "/out/a_layers/layer_1.png"])
    def test_what_somebody_changed_is_kept(
        self, segment: FakeSegment, memory: Any, changed: str, capsys: pytest.CaptureFixture[str]
    ) -> None:
        command = ["segment", "memory://album/a.png", *OUTPUTS, "-q"]
        assert main(command) == 0
        content = bytearray(memory.cat_file(changed))
        content[-1] ^= 1  # the size stays
        memory.pipe_file(changed, bytes(content))
        assert main(command) == 0
        assert "which somebody changed since softseg wrote it" in one_line(capsys)
        assert main([*command, "--seed", "3"]) == 1
        assert "somebody changed it since softseg wrote it (--force replaces it)" in one_line(capsys)
        assert memory.cat_file(changed) == bytes(content)
        assert main([*command, "--seed", "3", "--force"]) == 0
        assert memory.cat_file(changed) != bytes(content)

    def test_what_softseg_did_not_write_is_kept(
        self, segment: FakeSegment, memory: Any, capsys: pytest.CaptureFixture[str]
    ) -> None:
        memory.pipe_file("/out/a.npz", b"mine")
        assert main(["segment", "memory://album/a.png", "-o", "memory://out/{name}.npz", "-q"]) == 1
        assert (
            "cannot write memory://out/a.npz: it is there, and nothing says that softseg wrote it"
            in one_line(capsys)
        )
        assert memory.find("/out") == ["/out/a.npz"]

    def test_layers_that_are_no_more_go(self, segment: FakeSegment, memory: Any) -> None:
        command = ["segment", "memory://album/a.png", "-o", "memory://out/{name}", "-q"]
        assert main(command) == 0
        memory.pipe_file("/out/a/layer_3.png", b"of an older result")
        assert main([*command, "--force"]) == 0
        assert not memory.exists("/out/a/layer_3.png")
        assert main(command) == 0
        assert len(segment.images) == 2

    def test_an_output_that_was_not_put_whole_is_written_again(
        self, segment: FakeSegment, memory: Any
    ) -> None:
        command = ["segment", "memory://album/a.png", "-o", "memory://out/{name}.npz", "-q"]
        assert main(command) == 0
        record = json.loads(memory.cat_file("/out/.softseg/a.npz.json"))
        memory.pipe_file("/out/.softseg/a.npz.json", json.dumps(record | {"files": None}).encode())
        memory.pipe_file("/out/a.npz", memory.cat_file("/out/a.npz")[:100])
        assert main(command) == 0
        assert len(segment.images) == 2
        assert main(command) == 0
        assert len(segment.images) == 2

    def test_outputs_in_the_folder_of_the_photos_are_no_photos(
        self, segment: FakeSegment, memory: Any
    ) -> None:
        command = ["segment", "memory://album", "-o", "memory://album/{name}_map.png", "-q"]
        assert main(command) == 0
        assert main(command) == 0
        assert len(segment.images) == 2
        assert sorted(memory.glob("/album/*_map.png")) == ["/album/a_map.png", "/album/b_map.png"]


class TestWhatCannotBe:
    def test_one_that_fails_keeps_no_other(
        self,
        segment: FakeSegment,
        memory: Any,
        capsys: pytest.CaptureFixture[str],
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        memory.pipe_file("/album/a.png", b"no image")
        put_file = type(memory).put_file

        def refuse(self: Any, here: str, there: str, *arguments: Any, **options: Any) -> None:
            if there.endswith("b.npz"):
                raise PermissionError("access\ndenied")
            put_file(self, here, there, *arguments, **options)

        monkeypatch.setattr(type(memory), "put_file", refuse)
        assert main(["segment", "memory://album/", *OUTPUTS, "-q"]) == 1
        said = capsys.readouterr().err.splitlines()
        assert said[0].startswith("softseg: memory://album/a.png: image: expected an image file")
        assert "memory://album/a.png" in said[0]
        assert said[1] == ("softseg: memory://album/b.png: cannot write memory://out/b.npz: access denied")
        assert memory.exists("/out/b_layers/layers.npz")
        monkeypatch.setattr(type(memory), "put_file", put_file)
        assert main(["segment", "memory://album/b.png", *OUTPUTS, "-q"]) == 0
        assert memory.exists("/out/b.npz")

    @pytest.mark.parametrize(
        ("photo", "output", "code", "said"),
        [
            ("memory://album/none.png", "o.npz", 2, "no such file: memory://album/none.png"),
            ("memory://album/x*.png", "{name}.npz", 2, "no such file: memory://album/x*.png"),
            ("memory://album/", "memory://out.npz", 2, "several photos cannot all be written to"),
            (
                "memory://album/a.png",
                "memory://out/{name}.gif",
                2,
                "expected a folder or a name that ends in",
            ),
            ("memory://album/a.png", "memory://album/a.png", 2, "memory://album/a.png is a photo"),
            ("nowhere://a.png", "o.npz", 1, "expected a URL that fsspec opens, got nowhere://a.png"),
            (
                "memory://album/a.png",
                "nowhere://o.npz",
                1,
                "expected a URL that fsspec opens, got nowhere://",
            ),
        ],
    )
    def test_is_known_before_any_work(
        self,
        segment: FakeSegment,
        memory: Any,
        capsys: pytest.CaptureFixture[str],
        photo: str,
        output: str,
        code: int,
        said: str,
    ) -> None:
        assert main(["segment", photo, "-o", output]) == code
        assert said in one_line(capsys)
        assert segment.images == []

    @pytest.mark.parametrize(
        ("package", "url", "extra"),
        [
            ("fsspec", "memory://a.png", "remote"),
            ("s3fs", "s3://b/a.png", "s3"),
            ("gcsfs", "gs://b/a.png", "gs"),
        ],
    )
    def test_a_missing_package_is_named_with_its_extra(
        self,
        capsys: pytest.CaptureFixture[str],
        monkeypatch: pytest.MonkeyPatch,
        package: str,
        url: str,
        extra: str,
    ) -> None:
        monkeypatch.setitem(sys.modules, package, None)
        assert main(["segment", url, "-o", "o.npz"]) == 1
        assert f'opening {url} needs {package}: pip install "softseg[{extra}]"' in one_line(capsys)


def test_workers_that_share_the_memory(memory: Any) -> None:
    distributed = pytest.importorskip("distributed")
    cheap = {"features": "low-level", "n_eigenvectors": 8, "n_initial": 5, "n_layers": 2}
    with (
        distributed.LocalCluster(
            n_workers=1, threads_per_worker=2, processes=False, dashboard_address="127.0.0.1:0"
        ) as cluster,
        distributed.Client(cluster) as client,
    ):
        report = segment_files("memory://album", "memory://out/{name}.npz", client, **cheap)
        assert (report.done, report.before, report.failures) == (2, 0, ())
        report = segment_files(["memory://album/*.png"], "memory://out/{name}.npz", client, **cheap)
        assert (report.done, report.before, report.failures) == (0, 2, ())
    assert memory.exists("/out/b.npz")


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("s3://bucket/a/b.tar.gz", ("b.tar.gz", "b.tar", ".gz", "s3://bucket/a")),
        ("memory://a/", ("a", "a", "", "memory:/")),
        ("gs://bucket/ä ö.jpg", ("ä ö.jpg", "ä ö", ".jpg", "gs://bucket")),
    ],
)
def test_names_of_urls(text: str, parts: tuple[str, ...]) -> None:
    url = as_place(text)
    assert isinstance(url, Url)
    assert (url.name, url.stem, url.suffix) == parts[:3]
    assert is_url(text)


@pytest.mark.parametrize("text", ["a.jpg", "C:/a.jpg", "C://a.jpg", "folder:/a", "://a", "file:///a/b.jpg"])
def test_paths_are_no_urls(text: str) -> None:
    assert not is_url(text)
    assert as_place(text) == Path(text.removeprefix("file://"))


# The folder of records, in names.
RECORD = "/.softseg/"
