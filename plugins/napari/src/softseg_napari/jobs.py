"""Work in a thread besides napari's own, which tells how far it is and can be stopped."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any, Literal

from napari.qt.threading import WorkerBase, WorkerBaseSignals
from qtpy.QtCore import Signal  # type: ignore[attr-defined]  # qtpy takes it from the Qt at hand
from softseg import SoftSegmentation, segment
from softseg._threads import single_threaded_blas
from softseg.photos import as_photo

from softseg_napari.frames import Frame, Frames
from softseg_napari.messages import one_line
from softseg_napari.segmentations import Segmentation, lightened


class _Stopped(Exception):
    """Raised within work that was asked to stop."""


class _Signals(WorkerBaseSignals):
    told = Signal(str, float)


class Job(WorkerBase):
    """A function's call in a thread.

    Besides napari's signals it has ``told``, with a text and the share of the work that is done, in [0, 1].
    What is stopped, by `quit`, returns nothing and raises nothing.

    Parameters
    ----------
    function : callable
        It is called with `tell`, which it should call often: this is where it stops.
    """

    def __init__(self, function: Callable[[Callable[[str, float], None]], Any]) -> None:
        super().__init__(SignalsClass=_Signals)
        self._function = function
        self._limit = ExitStack()
        self.finished.connect(self._limit.close)

    def start(self) -> None:
        """Start the thread. Call this from napari's own."""
        # OpenBLAS heeds softseg's limit only where the main thread sets it; without it, small products take
        # several times as long. It is counted, so that jobs may overlap.
        self._limit.enter_context(single_threaded_blas())
        super().start()

    def tell(self, text: str, share: float) -> None:
        """Say how far the work is. Called from its thread."""
        if self.abort_requested:
            raise _Stopped
        self.signals.told.emit(text, share)

    def work(self) -> Any:
        """Call the function; napari does this in the thread."""
        try:
            return self._function(self.tell)
        except _Stopped:
            return None  # nobody hears of it, because the job was asked to stop
        except Exception:
            if self.abort_requested:
                return None  # an error of work that nobody wants any more
            raise


@dataclass(frozen=True)
class Segmenting:
    """What the user asked for: soft layers of some frames.

    Attributes
    ----------
    photos : Frames
        Where the photos come from.
    frames : tuple
        Which of them.
    n_layers : int or "auto"
        How many layers each gets.
    features : str
        The name of the extractor.
    """

    photos: Frames
    frames: tuple[Frame, ...]
    n_layers: int | Literal["auto"]
    features: str

    def __call__(self, tell: Callable[[str, float], None]) -> Segmentation:
        """Segment frame by frame.

        A frame that cannot be segmented is left out, and a warning names it. After anything but a fault of
        the frame itself, such as missing memory, the frames that follow are left out, too. If none is left,
        the first one's error is raised.
        """
        results: dict[Frame, SoftSegmentation] = {}
        errors: dict[int, Exception] = {}
        for number, frame in enumerate(self.frames):
            try:
                results[frame] = self._segment(number, tell)
            except _Stopped:
                raise
            except Exception as error:
                errors[number] = error
                if not isinstance(error, ValueError | OSError):
                    break
        if not results:
            raise next(iter(errors.values()))
        if errors:
            number, first = next(iter(errors.items()))  # there may be thousands
            warnings.warn(
                f"{len(self.frames) - len(results)} of {len(self.frames)} frames were not segmented; "
                f"frame {number + 1}: {one_line(first)}",
                stacklevel=2,
            )
        return Segmentation.of(results)

    def _segment(self, number: int, tell: Callable[[str, float], None]) -> SoftSegmentation:
        def progress(stage: str, done: int, total: int) -> None:
            share = (number + done / total) / len(self.frames)
            which = f", frame {number + 1} of {len(self.frames)}" if len(self.frames) > 1 else ""
            tell(stage + which, share)

        progress("reading", 0, 1)
        result = segment(
            # What is transparent becomes a layer of its own: nothing lies under it in the viewer either.
            as_photo(self.photos.photo(self.frames[number]), background="layer"),
            features=self.features,
            n_layers=self.n_layers,
            progress=progress,
        )
        return result if len(self.frames) == 1 else lightened(result)
