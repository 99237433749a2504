"""A viewer with the panel, small photos, and what skips all tests where napari or a display is missing."""

from __future__ import annotations

import ctypes
import importlib.util
import os
import sys

import pytest

# What Qt needs on Linux to open a window in which OpenGL draws; it ends the process where one is missing.
LIBRARIES = ("libEGL.so.1", "libGL.so.1", "libxcb-cursor.so.0", "libxkbcommon-x11.so.0")


def find_what_is_missing() -> str | None:
    """Return, in one line, why the tests cannot run; None if they can."""
    for name, package in (
        ("napari", "napari"),
        ("pytestqt", "pytest-qt"),
        ("softseg_napari", "softseg-napari"),
    ):
        if importlib.util.find_spec(name) is None:
            return f"{package} is not installed: pip install --editable 'plugins/napari[test]'"
    if sys.platform == "linux" and not (os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")):
        return "there is no display: install Xvfb, and run the tests by xvfb-run -a"
    for library in LIBRARIES if sys.platform == "linux" else ():
        try:
            ctypes.CDLL(library)
        except OSError:
            return f"{library} is not installed, without which Qt opens no window"
    return None


MISSING = find_what_is_missing()


class NothingToRun(pytest.Module):
    """A file of tests that is skipped without being imported."""

    def collect(self):
        pytest.skip(f"softseg-napari's tests: {MISSING}", allow_module_level=True)


def pytest_pycollect_makemodule(module_path, parent):
    if MISSING is not None:
        return NothingToRun.from_parent(parent, path=module_path)
    return None


def pytest_sessionfinish(session, exitstatus):
    if MISSING is not None and exitstatus == pytest.ExitCode.NO_TESTS_COLLECTED:
        session.exitstatus = pytest.ExitCode.OK


if MISSING is None:
    from panels import *  # noqa: F403  # fixtures
