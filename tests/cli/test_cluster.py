"""Many photos in processes that Dask starts: real ones, two of them, which tests share and also kill."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from PIL import Image
from tests.cli.command import one_line

import softseg
from softseg.batch import segment_files
from softseg.cli import main
from softseg.cli.manifest import RECORDS
from softseg.features import FeatureExtractor

distributed = pytest.importorskip("distributed")

from softseg.cli import cluster  # noqa: E402

# Layers of a photo of 24 x 32 pixels in a tenth of a second.
CHEAP: dict[str, Any] = {"features": "low-level", "n_eigenvectors": 8, "n_initial": 5, "n_layers": 2}
CHEAP_OPTIONS = ["--features", "low-level", "--eigenvectors", "8", "--initial", "5", "--layers", "2"]
# What `Deadly` cannot stand: a photo whose first pixel is black.
BLACK = (0, 0, 0)


class Deadly(FeatureExtractor):
    """Kills the process that finds features of a photo which begins with a black pixel."""

    def extract(self, image: np.ndarray) -> np.ndarray:
        if not image[0, 0].any():
            os.kill(os.getpid(), signal.SIGKILL)
        return np.asarray(image, dtype=np.float32)

    def fingerprint(self) -> str:
        return "deadly"


def make_photos(folder: Path, count: int) -> Path:
    """Write photos of noise, whose first pixels are white, and return their folder."""
    folder.mkdir()
    rng = np.random.default_rng(7)
    for number in range(count):
        pixels = rng.integers(0, 256, (24, 32, 3), dtype=np.uint8)
        pixels[0, 0] = 255
        Image.fromarray(pixels).save(folder / f"p{number:02}.png")
    return folder


def stamps(folder: Path) -> dict[str, tuple[int, int]]:
    """Return what changes when a file is written again, for all outputs in a folder."""
    found = {file.name: file.stat() for file in folder.glob("*.npz")}
    return {name: (stat.st_ino, stat.st_mtime_ns) for name, stat in found.items()}


def is_group(leader: int) -> bool:
    """Return whether a process of a group is left."""
    try:
        os.killpg(leader, 0)
    except ProcessLookupError:
        return False
    return True


@pytest.fixture(scope="module")
def client() -> Iterator[Any]:
    with cluster.workers_here(2) as client:
        yield client


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGKILL")
class TestTwoWorkers:
    def test_a_killed_worker_loses_nothing_and_does_nothing_twice(self, client: Any, tmp_path: Path) -> None:
        photos, out = make_photos(tmp_path / "photos", 40), tmp_path / "out"
        (photos / "p39.png").write_bytes(b"no image")
        workers = client.run(os.getpid)
        killed: dict[str, tuple[int, int]] = {}
        most: list[int] = []

        def kill_one(text: str, done: int, total: int) -> None:
            if text.endswith("workers"):
                most.append(client.run_on_scheduler(lambda dask_scheduler: len(dask_scheduler.tasks)))
            if done == 10 and not killed:
                killed.update(stamps(out))
                os.kill(next(iter(workers.values())), signal.SIGKILL)

        report = segment_files(photos, str(out / "{name}.npz"), client, progress=kill_one, **CHEAP)
        assert killed
        # One that had written its output, and was killed before it said so, is found finished by the other.
        assert report.done + report.before == 39
        assert report.before <= 1
        assert len(report.failures) == 1
        assert "p39.png: image: expected an image file" in report.failures[0]
        after = stamps(out)
        assert len(after) == 39
        assert {name: after[name] for name in killed} == killed
        for file in out.glob("*.npz"):
            assert json.loads((out / RECORDS / f"{file.name}.json").read_bytes())["files"][file.name]
        assert not list(out.glob(".softseg-*"))
        # A few photos for each worker are known to the scheduler, however many there are.
        # It forgets what is done a moment later.
        assert max(most) <= 2 * cluster._IN_FLIGHT * 2

    def test_what_is_lost_with_its_worker_is_done_again(
        self, client: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        killed: list[int] = []

        class Late(distributed.as_completed):  # type: ignore[misc]
            """Gives out the first photo only when the worker that had done it is dead, and its line lost."""

            def __next__(self) -> Any:
                future = super().__next__()
                if not killed and future.status == "finished":
                    (holder,) = client.who_has([future])[future.key]
                    killed.append(client.run(os.getpid)[holder])
                    os.kill(killed[0], signal.SIGKILL)
                    limit = time.monotonic() + 60
                    while future.status == "finished" and time.monotonic() < limit:
                        time.sleep(0.01)
                return future

        monkeypatch.setattr(cluster, "as_completed", Late)
        photos = make_photos(tmp_path / "photos", 5)
        told: list[tuple[int, int]] = []
        report = segment_files(
            (photo for photo in sorted(photos.iterdir())),  # a generator
            tmp_path / "out" / "{name}.npz",
            client.scheduler.address,
            progress=lambda text, done, total: told.append((done, total)),
            **CHEAP,
        )
        assert killed
        assert (report.done + report.before, report.failures) == (5, ())
        assert len(list((tmp_path / "out").glob("*.npz"))) == 5
        assert told == [(done, 5) for done in range(1, 6)]

    def test_layers_are_called_and_written_as_asked(self, client: Any, tmp_path: Path) -> None:
        photos, out = make_photos(tmp_path / "photos", 1), tmp_path / "out"
        outputs = [str(out / "{name}"), str(out / "{name}.npz")]
        names = ["sky", "le café"]
        report = segment_files(photos, outputs, client, names=(name for name in names), alphas=True, **CHEAP)
        assert (report.done, report.failures) == (1, ())
        pictures = {f"alpha_{number}_{name}.png" for number, name in enumerate(names, start=1)}
        assert pictures <= {file.name for file in (out / "p00").iterdir()}
        assert softseg.SoftSegmentation.load(out / "p00.npz").names == tuple(names)
        # The command line finds all of it finished.
        options = ["--names", ",".join(names), "--alphas", "-q", *CHEAP_OPTIONS]
        before = stamps(out)
        assert main(["segment", str(photos), "-o", outputs[0], "-o", outputs[1], *options]) == 0
        assert stamps(out) == before

    def test_photos_are_done_in_the_workers_with_a_thread_each(self, client: Any) -> None:
        limits = client.run(lambda: [os.environ[name] for name in cluster.ONE_THREAD])
        assert len(limits) == 2
        assert all(set(values) == {"1"} for values in limits.values())

    def test_what_is_finished_is_known_and_what_was_changed_is_kept(
        self, client: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        photos, out = make_photos(tmp_path / "photos", 4), tmp_path / "out"
        output = str(out / "{name}.npz")
        # The plain loop of the command line and the cluster know each other's work.
        names = [str(photos / "p00.png"), str(photos / "p01.png")]
        assert main(["segment", *names, "-o", output, "-q", *CHEAP_OPTIONS]) == 0
        (out / "p01.npz").write_bytes(b"by hand")
        before = stamps(out)
        with pytest.warns(UserWarning, match=r"p01\.png: kept .*p01\.npz, which somebody changed"):
            report = segment_files([photos], output, client, **CHEAP)
        assert (report.done, report.before, report.failures) == (2, 2, ())
        assert {name: stamps(out)[name] for name in before} == before
        report = segment_files(photos, output, client, **CHEAP | {"rng": 3})
        assert (report.done, report.before) == (3, 0)
        assert report.failures[0].endswith(
            "p01.npz: somebody changed it since softseg wrote it (--force replaces it)"
        )
        report = segment_files(photos, output, client, force=True, **CHEAP | {"rng": 3})
        assert (report.done, report.before, report.failures) == (4, 0, ())

    def test_the_command_line_at_an_address(
        self, client: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        make_photos(tmp_path / "photos", 3)
        monkeypatch.chdir(tmp_path)  # which is another folder than the workers'
        address = client.scheduler.address
        options = ["-o", "out/{name}", "--dask", address, *CHEAP_OPTIONS]
        assert main(["segment", "photos", *options]) == 0
        printed = capsys.readouterr()
        assert printed.err == ""
        assert printed.out.endswith("3 done\n")
        assert softseg.SoftSegmentation.load("out/p02/layers.npz").alphas.shape == (24, 32, 2)
        assert main(["segment", "photos", *options]) == 0
        assert "0 done, 3 finished before" in capsys.readouterr().out


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGKILL")
def test_a_photo_that_kills_processes_takes_no_other_with_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    photos = make_photos(tmp_path / "photos", 3)
    pixels = np.array(Image.open(photos / "p00.png"))
    pixels[0, 0] = BLACK
    Image.fromarray(pixels).save(photos / "p00.png")
    monkeypatch.setattr(cluster, "_DEATHS", 0)
    environment = dict(os.environ)
    report = segment_files(
        photos, str(tmp_path / "out/{name}.npz"), workers=1, **CHEAP | {"features": Deadly()}
    )
    assert report.done == 2
    assert len(report.failures) == 1
    assert "p00.png: each process that did it died" in report.failures[0]
    assert dict(os.environ) == environment  # which Dask changes for those that it starts


def test_a_script_that_its_processes_would_run_again(tmp_path: Path) -> None:
    make_photos(tmp_path / "photos", 2)
    script = tmp_path / "script.py"
    script.write_text(
        "from softseg.batch import segment_files\n"
        f"segment_files('photos', 'out/{{name}}.npz', workers=2, **{CHEAP!r})\n"
    )
    ended = subprocess.run(
        [sys.executable, str(script)], cwd=tmp_path, capture_output=True, text=True, timeout=120
    )
    assert ended.returncode == 1
    assert ended.stderr.splitlines()[-1].startswith(
        'ChildProcessError: workers: the processes ended while they started: a script needs if __name__ == "'
    )
    assert ended.stderr.count("script.py") == 1  # the processes themselves say nothing
    assert not (tmp_path / "out").exists()


def test_a_connection_that_ends_in_the_middle(tmp_path: Path) -> None:
    photos = make_photos(tmp_path / "photos", 12)
    with (
        cluster.workers_here(1) as client,
        distributed.Client(client.scheduler.address, set_as_default=False) as other,
        pytest.raises(ConnectionError, match="the Dask scheduler is gone: run the command again"),
    ):
        segment_files(photos, tmp_path / "{name}.npz", other, progress=lambda *_: other.close(), **CHEAP)
    assert list(tmp_path.glob("*.npz"))


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such signals")
def test_control_c_ends_in_good_order(tmp_path: Path) -> None:
    photos, out = make_photos(tmp_path / "photos", 60), tmp_path / "out"
    command = [sys.executable, "-m", "softseg", "segment", str(photos), "-o", f"{out}/{{name}}.psd"]
    with subprocess.Popen(
        [*command, "--workers", "2", *CHEAP_OPTIONS],
        stderr=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        text=True,
        start_new_session=True,  # a terminal sends Control-C to all processes of a group, workers included
    ) as process:
        limit = time.monotonic() + 120
        while not list(out.glob("*.psd")) and process.poll() is None and time.monotonic() < limit:
            time.sleep(0.05)
        os.killpg(process.pid, signal.SIGINT)
        _, said = process.communicate(timeout=60)
    assert process.returncode == 130
    assert said.count("\n") == 1
    assert said.startswith("softseg: interrupted; ")
    assert said.endswith(" of 60 done\n")
    assert 0 < len(list(out.glob("*.psd"))) < 60
    assert not list(out.glob(".softseg-*"))
    while is_group(process.pid) and time.monotonic() < limit:  # the last ones end when they see that it has
        time.sleep(0.05)
    assert not is_group(process.pid)


class TestWhatCannotBe:
    """Known before any work, in one line."""

    @pytest.fixture
    def album(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
        monkeypatch.chdir(tmp_path)
        return make_photos(tmp_path / "album", 1)

    def test_no_scheduler(
        self, album: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(cluster, "_PATIENCE", 1)
        for address in ("tcp://127.0.0.1:9", "nonsense", "what://127.0.0.1:9"):
            assert main(["segment", "album", "--dask", address]) == 1
            assert f"no Dask scheduler answers at {address}: start one with dask scheduler" in one_line(
                capsys
            )

    @pytest.mark.parametrize("option", [["--workers", "2"], ["--dask", "tcp://127.0.0.1:9"]])
    def test_no_dask(
        self,
        album: Path,
        capsys: pytest.CaptureFixture[str],
        monkeypatch: pytest.MonkeyPatch,
        option: list[str],
    ) -> None:
        monkeypatch.setitem(sys.modules, "distributed", None)
        assert main(["segment", "album", *option]) == 1
        assert 'needs distributed: pip install "softseg[dask]"' in one_line(capsys)

    def test_both(self, album: Path, capsys: pytest.CaptureFixture[str]) -> None:
        assert main(["segment", "album", "--workers", "2", "--dask", "tcp://127.0.0.1:9"]) == 2
        assert "give one of the two" in one_line(capsys)

    @pytest.mark.parametrize(
        ("arguments", "error", "said"),
        [
            ({"workers": 0}, ValueError, "workers: "),
            (
                {"client": object()},
                TypeError,
                "client: expected a distributed.Client, the address of a scheduler, or None, got object",
            ),
            (
                {"client": SimpleNamespace(register_plugin=None, asynchronous=True)},
                ValueError,
                "client: expected one that waits for its results, got one with asynchronous=True",
            ),
            (
                {"client": SimpleNamespace(register_plugin=None, asynchronous=False, status="closed")},
                ValueError,
                "client: expected one that is connected to a scheduler, got one closed",
            ),
            ({"n_layers": 0}, ValueError, "n_layers: expected an integer of at least 1, got 0"),
            ({"n_superpixels": 2.5}, TypeError, "n_superpixels: expected an integer, got float"),
            ({"max_memory": "much"}, ValueError, "max_memory: "),
            ({"settings": "fast"}, TypeError, "settings: expected an instance of Settings, got str"),
            ({"affinity": "None()"}, ValueError, "affinity: "),
            ({"eigensolver": "None()"}, ValueError, "eigensolver: "),
            ({"features": "none"}, ValueError, "features: expected one of "),
            ({"white": 0}, ValueError, "white: expected a finite number above 0, got 0"),
            ({"background": "nothing"}, ValueError, "background: expected a color"),
            ({"force": "no"}, TypeError, "force: expected an instance of bool, got str"),
            ({"alphas": True}, ValueError, "alphas: none of the outputs takes it; these do: a folder"),
            ({"names": "ab"}, TypeError, "names: expected a list of 5 texts, got str"),
            ({"names": 3}, TypeError, "names: expected a list of 5 texts, got int"),
            ({"names": ["a"]}, ValueError, "names: expected 5, one for each layer, got 1"),
            ({"names": ["a", "a"], "n_layers": 2}, ValueError, "names[1]: expected a name that no other"),
            ({"base": "no.psd"}, FileNotFoundError, "base: no such file: no.psd"),
            ({"base": 3}, TypeError, "base: expected a path, got int"),
            ({"paths": ""}, ValueError, "paths: expected a photo or a folder, got an empty name"),
            ({"paths": {"album": 1}}, TypeError, "paths: expected a path or several, got dict"),
            ({"paths": iter(())}, ValueError, "paths: expected at least one path, got none"),
            ({"layers": 3}, TypeError, "layers: no such option; expected one of"),
            (
                {"rng": np.random.default_rng()},
                TypeError,
                "rng: expected an integer, the same for each photo",
            ),
            ({"output": "out.npz"}, ValueError, "output: several photos cannot all be written to out.npz"),
            ({"output": "{name}.gif"}, ValueError, "output: expected a folder or a name that ends in"),
            ({"output": []}, ValueError, "output: expected at least one path, got none"),
            ({"paths": "nowhere"}, ValueError, "paths: no such file: nowhere"),
            ({"paths": [3]}, TypeError, "paths: expected a path or several, got int"),
            ({"profile": "cmyk"}, ValueError, "profile: "),
        ],
    )
    @pytest.mark.usefixtures("unhooked")
    def test_arguments(self, album: Path, arguments: dict[str, Any], error: type, said: str) -> None:
        with pytest.raises(error) as caught:
            segment_files(**{"paths": "album", "output": "{name}.npz"} | arguments)
        assert str(caught.value).startswith(said)
        assert "\n" not in str(caught.value)
