"""Control-C, SIGTERM and kill: what was finished is said, and nothing half done is left behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from PIL import Image
from tests.cli.command import FakeSegment, listed

from softseg.cli import main
from softseg.cli.stopping import orderly_stop
from softseg.result import SoftSegmentation

pytestmark = pytest.mark.skipif(os.name != "posix", reason="signals of POSIX")

# A command whose method returns at once, and whose saving of layers.npz says so and takes a while: then the
# files of the folder lie in the scratch folder.
SCRIPT = """
import signal, sys, time, numpy as np, softseg, softseg.cli
from softseg.formats import npz
from softseg.testing import random_result
# A process started in the background of a script inherits that Control-C is ignored.
signal.signal(signal.SIGINT, signal.default_int_handler)
count = 0
def segment(image, **options):
    global count
    count += 1
    return random_result(np.random.default_rng(5), *image.shape[:2], 2)
softseg.segment = segment
write = npz._write
def write_slowly(archive, name, array):
    write(archive, name, array)
    if count == {slow}:
        print("saving", flush=True)
        for _ in range(600):
            time.sleep(0.1)
npz._write = write_slowly
sys.exit(softseg.cli.main())
"""


def leftovers(folder: Path) -> list[str]:
    return [str(path) for path in folder.rglob(".softseg-*")]


@pytest.fixture
def album(photo: Path) -> Path:
    """Make a folder of three photos."""
    photo.unlink()
    Path("album").mkdir()
    for number, name in enumerate("abc"):
        Image.new("RGB", (12, 9), (50 * number, 80, 200)).save(f"album/{name}.png")
    return Path("album")


def start(slow: int, *arguments: str) -> subprocess.Popen[str]:
    """Start a command, and wait until it saves the ``slow``-th photo."""
    command = [sys.executable, "-c", SCRIPT.format(slow=slow), "segment", *arguments]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "saving\n", process.communicate()[1]
    return process


@pytest.mark.parametrize(
    ("sent", "code", "said"),
    [
        ([signal.SIGINT], 130, "interrupted; 2 of 3 done"),
        ([signal.SIGTERM], 143, "terminated; 2 of 3 done"),
        ([signal.SIGHUP], 129, "terminated; 2 of 3 done"),
        ([signal.SIGINT, signal.SIGINT, signal.SIGINT], 130, "interrupted; 2 of 3 done"),
        ([signal.SIGINT, signal.SIGTERM], None, "2 of 3 done"),
    ],
    ids=str,
)
def test_a_signal_while_saving(album: Path, sent: list[signal.Signals], code: int | None, said: str) -> None:
    with start(3, "album", "-o", "out/{name}.npz") as process:
        assert leftovers(Path("out"))
        for number in sent:
            process.send_signal(number)
            time.sleep(0.01)
        printed, errors = process.communicate(timeout=60)
    assert process.returncode in ((130, 143) if code is None else (code,))
    assert errors.startswith("softseg: ")
    assert errors.endswith(said + "\n")
    assert errors.count("\n") == 1
    assert "album/b.png: 2 soft layers in out/b.npz" in printed
    assert leftovers(Path("out")) == []
    assert listed("out") == ["a.npz", "b.npz"]
    for name in listed("out"):
        assert SoftSegmentation.load(Path("out", name)).alphas.shape == (9, 12, 2)


def test_what_was_finished_before_is_said(segment: FakeSegment, album: Path, capsys) -> None:
    def stop() -> None:
        if len(segment.images) == 3:
            raise KeyboardInterrupt

    assert main(["segment", "album/a.png", "album/no.png", "-o", "{name}.json", "-q"]) == 1
    capsys.readouterr()
    segment.action = stop
    assert main(["segment", "album", "album/no.png", "-o", "{name}.json", "-q"]) == 130
    last = capsys.readouterr().err.splitlines()[-1]
    assert last == "softseg: interrupted; 1 of 4 done, 1 finished before, 1 failed"


def test_a_killed_run_is_finished_and_cleared_by_the_next(segment: FakeSegment, album: Path) -> None:
    for output in ("out/{name}.npz", "folders/{name}"):
        with start(2, "album", "-o", output) as process:
            process.kill()
            process.communicate(timeout=60)
        folder = Path(output).parent
        assert process.returncode == -signal.SIGKILL
        assert leftovers(folder)
        assert main(["segment", "album", "-o", output, "-q"]) == 0
        assert leftovers(folder) == []
        assert len(listed(str(folder))) == 3
    assert len(segment.images) == 4  # two of three each time


def test_a_run_at_the_same_time_is_left_alone(segment: FakeSegment, album: Path) -> None:
    with start(1, "album/a.png", "-o", "out/x.npz") as process:
        (scratch,) = leftovers(Path("out"))
        assert main(["segment", "album", "-o", "out/{name}.npz", "-q"]) == 0
        assert leftovers(Path("out")) == [scratch]
        process.terminate()
        process.communicate(timeout=60)
    assert listed("out") == ["a.npz", "b.npz", "c.npz"]


def test_handlers_are_put_back() -> None:
    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    before = [signal.getsignal(number) for number in numbers]
    assert main(["--version"]) == 0
    assert [signal.getsignal(number) for number in numbers] == before


def test_signals_that_the_caller_handles_stay_the_callers() -> None:
    caught = []
    before = signal.signal(signal.SIGTERM, lambda number, _: caught.append(number))
    ignored = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with orderly_stop():
            signal.raise_signal(signal.SIGTERM)
            signal.raise_signal(signal.SIGHUP)
    finally:
        signal.signal(signal.SIGTERM, before)
        signal.signal(signal.SIGHUP, ignored)
    assert caught == [signal.SIGTERM]


def test_a_signal_that_was_swallowed_can_be_sent_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("softseg.cli.stopping._PATIENCE", 0.05)
    with orderly_stop():
        for _ in range(2):
            with pytest.raises(KeyboardInterrupt):
                signal.raise_signal(signal.SIGTERM)
            signal.raise_signal(signal.SIGTERM)  # within the patience
            time.sleep(0.1)
