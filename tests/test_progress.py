"""Stages: told in order, timed, and stopped by what the listener raises."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import pytest

from softseg import progress
from softseg.progress import Stages, process_began, reporter, tick


def test_tells_each_beginning_and_the_end_and_times_the_stages() -> None:
    told = []
    stages = Stages(("one", "two"), lambda *call: told.append(call))
    for name in ("one", "two"):
        with stages.stage(name):
            told.append(name)
    assert told == [("one", 0, 2), "one", ("two", 1, 2), "two", ("two", 2, 2)]
    assert list(stages.timings) == ["one", "two"]
    assert all(seconds >= 0 for seconds in stages.timings.values())


def test_a_stage_that_fails_is_not_timed() -> None:
    stages = Stages(("one",))
    with pytest.raises(ZeroDivisionError), stages.stage("one"):
        1 / 0  # noqa: B018
    assert stages.timings == {}


def test_what_the_listener_raises_stops_the_stage_before_it_begins() -> None:
    def stop(*call: object) -> None:
        raise KeyboardInterrupt

    began = False
    stages = Stages(("one",), stop)
    with pytest.raises(KeyboardInterrupt), stages.stage("one"):
        began = True
    assert not began


@pytest.mark.parametrize("silence", [None, False])
def test_nothing_is_told_to_nobody(silence: bool | None) -> None:
    with reporter(silence) as tell:
        assert tell is None


def test_a_callable_is_told_directly() -> None:
    with reporter(print) as tell:
        assert tell is print


@pytest.mark.parametrize("terminal", [True, False])
def test_true_is_a_bar_on_the_terminal_if_there_is_one(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, terminal: bool
) -> None:
    if terminal:
        monkeypatch.setenv("FORCE_COLOR", "1")  # what makes rich take any stream for a terminal
    else:
        monkeypatch.delenv("FORCE_COLOR", raising=False)
    with reporter(True) as tell:
        tell("eigenvectors", 3, 6)
    out, err = capsys.readouterr()
    assert out == ""
    assert ("eigenvectors" in err) == terminal


@pytest.mark.usefixtures("unhooked")
def test_anything_else_is_refused() -> None:
    with (
        pytest.raises(TypeError, match=r"\Aprogress: expected True, None or a callable, got str\Z"),
        reporter("loudly"),  # type: ignore[arg-type]
    ):
        pass


class TestTick:
    def test_a_long_stage_is_told_of_again_but_not_too_often(self, monkeypatch: pytest.MonkeyPatch) -> None:
        calls: list[tuple[str, int, int]] = []
        stages = Stages(("one", "two"), lambda *call: calls.append(call))
        with stages.stage("one"):
            tick()  # at once: nothing new to tell
            monkeypatch.setattr(progress, "SECONDS_BETWEEN_CALLS", 0.0)
            tick()
        assert calls == [("one", 0, 2), ("one", 0, 2)]

    def test_what_the_watcher_raises_stops_the_work_and_nobody_watches_afterwards(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(progress, "SECONDS_BETWEEN_CALLS", 0.0)
        calls: list[str] = []

        def watch(stage: str, done: int, total: int) -> None:
            calls.append(stage)
            if len(calls) == 2:
                raise KeyboardInterrupt

        stages = Stages(("one",), watch)
        with pytest.raises(KeyboardInterrupt), stages.stage("one"):
            tick()
        tick()
        assert calls == ["one", "one"]

    def test_nobody_need_watch(self) -> None:
        tick()


class TestProcessBegan:
    @pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="no system that says so")
    def test_it_began_before_its_imports(self) -> None:
        code = (
            "import time; time.sleep(0.5); import softseg.progress as p;"
            "print(time.perf_counter() - p.process_began())"
        )
        begin = time.perf_counter()
        done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
        # Ticks of a hundredth of a second.
        assert 0.49 < float(done.stdout) < time.perf_counter() - begin + 0.02

    def test_elsewhere_it_is_when_the_module_was_imported(self, monkeypatch: pytest.MonkeyPatch) -> None:
        def fail(*_: object, **__: object) -> str:
            raise FileNotFoundError

        monkeypatch.setattr(Path, "read_text", fail)
        assert process_began() == progress._IMPORTED
