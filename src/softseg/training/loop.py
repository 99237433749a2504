"""The training loop, which trains a network on photos with label maps, and can resume at every checkpoint."""

from __future__ import annotations

import copy
import csv
import math
import os
import time
from collections.abc import Iterable
from pathlib import Path
from typing import cast

import numpy as np
import torch
from jaxtyping import Float32, Integer, UInt8
from torch import Tensor, nn
from torch.nn import functional

from softseg._files import make_folder, whole_files
from softseg._paths import show_path
from softseg.features._inference import find_device
from softseg.features._weights import save_weights
from softseg.progress import Progress
from softseg.training import data, losses, networks, sampling, validation
from softseg.training.config import TrainingConfig

# The files of a run in its output folder.
CHECKPOINT, WEIGHTS, CONFIG, LOG = "checkpoint.pt", "weights.safetensors", "config.json", "log.csv"

# The steps over which the learning rate of "adamw" rises to its full value. Chosen by the project.
_WARM_UP = 200

# For validation, photos are padded to multiples of this number of pixels in height and width. No network here
# needs larger multiples.
_MULTIPLE = 32

# The parts of a trainer that a checkpoint holds, by their attributes' names.
_RESTORED = ("network", "average", "loss", "optimizer")


def train(
    config: TrainingConfig,
    photos: str | os.PathLike[str],
    output: str | os.PathLike[str],
    *,
    resume: bool = False,
    device: str = "cpu",
    network: nn.Module | None = None,
    progress: Progress | None = None,
) -> Path:
    """Train a network and return the file of its weights.

    Parameters
    ----------
    config : TrainingConfig
        What the run is.
    photos : str or path
        The folder that the paths of ``config.folders`` are relative to.
    output : str or path
        The folder that the run writes to, which is made if it does not exist. It gets
        ``weights.safetensors``, ``config.json``, ``log.csv`` and ``checkpoint.pt``. The log's columns are the
        step, the mean loss since the last row, the validation AUC, and the minutes since the start or
        resumption.
    resume : bool
        If True, the run continues from the folder's checkpoint. The configuration may differ from that of the
        checkpoint, for example in ``steps`` or rates, but must have the same network, loss and optimizer.
    device : str
        The device that torch computes on, such as ``"cpu"`` or ``"cuda"``.
    network : torch.nn.Module, optional
        The network to train (see :class:`~softseg.training.TrainableNetwork`). The default is a new network
        of the name in the configuration.
    progress : callable, optional
        It is called after every step as ``progress(text, done, total)``. An exception that it raises stops
        the training, and the last checkpoint remains.

    Returns
    -------
    pathlib.Path
        The file of the weights, in half precision, for ``LiteFeatures(path)`` or ``SSSFeatures(path)``.

    Raises
    ------
    FileNotFoundError
        If a folder has no photos with label maps, or there is no checkpoint to resume from.
    FileExistsError
        If ``output`` has a checkpoint and ``resume`` is False.
    FloatingPointError
        If the network's features are no longer finite.
    ValueError
        If the configuration, the device or a label map is not as above.

    References
    ----------
    Aksoy et al. 2018, Section 4.3, with the configuration `softseg.training.PUBLISHED`.

    Examples
    --------
    >>> from dataclasses import replace
    >>> from softseg.training import LITE, Folder, train
    >>> config = replace(LITE, folders=(Folder("msrc/train"),))
    >>> train(config, photos="datasets/", output="run/")  # doctest: +SKIP
    """
    output = Path(output)
    make_folder(output, "output")
    checkpoint = output / CHECKPOINT
    if checkpoint.exists() and not resume:
        raise FileExistsError(f"{checkpoint}: there is a run already; resume it or choose another folder")
    trainer = Trainer(config, photos, device, network)
    if resume:
        trainer.restore(checkpoint)
    config.write(output / CONFIG)
    begin = time.monotonic()
    window: list[float] = []
    while trainer.step < config.steps:
        window.append(trainer.advance())
        if progress is not None:
            progress(f"loss {np.mean(window[-50:]):.3f}", trainer.step, config.steps)
        if trainer.step % config.validate_every == 0 or trainer.step == config.steps:
            minutes = (time.monotonic() - begin) / 60
            row = _format_row(trainer.step, float(np.mean(window)), trainer.validate(), minutes)
            _append_row(output / LOG, row)
            trainer.save(checkpoint)
            window.clear()
    save_weights(output / WEIGHTS, _halve(trainer.average.state_dict()), config.network)
    return output / WEIGHTS


class Trainer:
    """The state of a run: a network, its moving average, the loss, the optimizer, and the number of steps."""

    def __init__(
        self,
        config: TrainingConfig,
        photos: str | os.PathLike[str],
        device: str = "cpu",
        network: nn.Module | None = None,
    ) -> None:
        torch.manual_seed(config.seed)
        self.config = config
        self.device = find_device(device)
        self.loss = losses.build(config.loss).to(self.device)
        network = networks.build(config.network, pretrained=config.pretrained) if network is None else network
        self.network = network.to(self.device)
        self.average = copy.deepcopy(self.network).eval()
        self.optimizer = _make_optimizer(self.network, self.loss, config)
        self.rates = [group["lr"] for group in self.optimizer.param_groups]
        self.decays = [group["weight_decay"] for group in self.optimizer.param_groups]
        self.step = 0
        self.photos = data.load(config.folders, Path(photos))

    def advance(self) -> float:
        """Take one step of the optimizer and return its loss, the mean over the step's passes."""
        factor = learning_rate_factor(self.config, self.step)
        for group, rate in zip(self.optimizer.param_groups, self.rates, strict=True):
            group["lr"] = factor * rate
        self.network.train()
        total = 0.0
        for k in range(self.config.accumulate):
            # The draws depend on the seed and the step alone, so that a resumed run makes the same ones as a
            # run without a break.
            rng = np.random.default_rng([self.config.seed, self.step, k])
            loss = self._run_pass(rng) / self.config.accumulate
            loss.backward()
            total += float(loss.detach())
        if self.config.max_gradient is not None:
            nn.utils.clip_grad_norm_(self.network.parameters(), self.config.max_gradient)
        self.optimizer.step()
        self.optimizer.zero_grad(set_to_none=True)
        self._follow()
        self.step += 1
        return total

    def _run_pass(self, rng: np.random.Generator) -> Tensor:
        """Return the loss of one batch of crops."""
        config = self.config
        height, width = config.crop[:: rng.choice([1, -1])]
        crops = [self._draw_crop((height, width), rng) for _ in range(config.batch)]
        photos = np.stack([data.jitter(c.photo, config.jitter, config.exchange, rng) for c in crops])
        points = [self._draw_points(crop.regions, rng) for crop in crops]
        agreement, known = zip(
            *(
                sampling.agreement(c.regions[:, p[:, 0], p[:, 1]], config.background)
                for c, p in zip(crops, points, strict=True)
            ),
            strict=True,
        )
        with torch.autocast(self.device.type, torch.bfloat16, enabled=config.mixed_precision):
            features = _compute_features(self.network, self._to_tensor(photos).permute(0, 3, 1, 2))
        if not torch.isfinite(features).all():
            raise FloatingPointError(
                f"features: NaN or infinity at step {self.step}; try a lower learning rate"
            )
        sampled = at_points(features.float(), self._to_tensor(np.stack(points)), (height, width))
        return self.loss(sampled, self._to_tensor(np.stack(agreement)), self._to_tensor(np.stack(known)))

    def _draw_crop(self, size: tuple[int, int], rng: np.random.Generator) -> data.Example:
        """Return a crop of a random photo, onto which a region of another may be pasted."""

        def draw() -> data.Example:
            return data.random_crop(self.photos.draw(rng), size, self.config.zoom, rng)

        return data.paste(draw(), draw(), rng) if rng.random() < self.config.paste else draw()

    def _draw_points(self, regions: Integer[np.ndarray, "A H W"], rng: np.random.Generator) -> np.ndarray:
        """Return the pixels of a crop to compare, (row, column), by the configured sampling."""
        if self.config.sampling == "points":
            return sampling.random_points(regions, self.config.n_points, rng)
        if self.config.sampling == "instances":
            return sampling.instance_points(regions, self.config.n_instances, self.config.n_points, rng)
        raise ValueError(f"sampling: expected points or instances, got {self.config.sampling!r}")

    def _to_tensor(self, array: np.ndarray) -> Tensor:
        """Return an array as a tensor on the run's device."""
        return torch.from_numpy(array).to(self.device)

    @torch.no_grad()
    def _follow(self) -> None:
        """Move the average's weights towards the network's."""
        # In the first steps the average follows the network closely. Otherwise it would keep for long a share
        # of the random weights that it began with.
        decay = min(self.config.average, (1 + self.step) / (10 + self.step))
        for mean, value in zip(_list_state(self.average), _list_state(self.network), strict=True):
            if mean.is_floating_point():
                mean.lerp_(value, 1 - decay)
            else:
                mean.copy_(value)

    def validate(self) -> float:
        """Return the averaged network's mean AUC over the validation photos, or NaN if there are none."""
        scores = [
            validation.photo_auc(
                photo_features(self.average, example.photo, self.device),
                example.regions,
                np.random.default_rng(k),
            )
            for k, example in enumerate(self.photos.validation)
        ]
        known = [score for score in scores if score is not None]
        return float(np.mean(known)) if known else math.nan

    def save(self, path: Path) -> None:
        """Write a checkpoint. If that fails, the file that was there before stays."""
        state = {name: getattr(self, name).state_dict() for name in _RESTORED}
        with whole_files(path.parent) as scratch:
            torch.save({**state, "step": self.step}, scratch / path.name)

    def restore(self, path: Path) -> None:
        """Take over the state of a checkpoint.

        Raises
        ------
        FileNotFoundError
            If there is no such file.
        ValueError
            If it is of a run with another network, loss or optimizer.
        """
        if not path.exists():
            raise FileNotFoundError(f"{show_path(path)}: no checkpoint to resume from")
        state = torch.load(path, map_location=self.device, weights_only=True)
        try:
            for name in _RESTORED:
                getattr(self, name).load_state_dict(state[name])
            for group, decay in zip(self.optimizer.param_groups, self.decays, strict=True):
                group["weight_decay"] = decay  # not the checkpoint's
        except (KeyError, RuntimeError, ValueError) as error:
            raise ValueError(
                f"{show_path(path)}: no checkpoint of a run with this network, loss and optimizer"
            ) from error
        self.step = state["step"]


def learning_rate_factor(config: TrainingConfig, step: int) -> float:
    """Return the factor, in [0, 1], of the learning rates at a step.

    For "sgd" it is (1 - step / steps)^0.9, as published (Aksoy et al. 2018, Section 4.3). For "adamw" it
    rises linearly over the first 200 steps, times a half cosine that falls to 0 at the end.
    """
    done = step / config.steps
    if config.optimizer == "sgd":
        return (1 - done) ** 0.9
    return min(1.0, (step + 1) / _WARM_UP) * (1 + math.cos(math.pi * done)) / 2


def at_points(features: Tensor, points: Tensor, size: tuple[int, int]) -> Tensor:
    """Interpolate the features of photos at pixels.

    Parameters
    ----------
    features : tensor, shape (N, C, h, w)
        The feature maps of photos of ``size``.
    points : tensor of int, shape (N, n, 2)
        The rows and columns of the pixels.
    size : tuple of int
        Height and width of the photos in pixels.

    Returns
    -------
    tensor, shape (N, n, C)
        The values at these pixels of the maps, resized bilinearly to the photos' size.
    """
    extent = torch.tensor(size, device=features.device)
    grid = ((2 * points + 1) / extent - 1).flip(-1)
    sampled = functional.grid_sample(
        features, grid[:, None].to(features.dtype), padding_mode="border", align_corners=False
    )
    return sampled[:, :, 0].mT


@torch.inference_mode()
def photo_features(
    network: nn.Module, photo: UInt8[np.ndarray, "H W 3"], device: torch.device
) -> Float32[np.ndarray, "H W C"]:
    """Return a network's features of a whole photo, at the photo's size."""
    height, width = photo.shape[:2]
    padded = np.pad(photo, ((0, -height % _MULTIPLE), (0, -width % _MULTIPLE), (0, 0)), mode="edge")
    maps = _compute_features(network, torch.from_numpy(padded).to(device).permute(2, 0, 1)[None] / 255)
    full = functional.interpolate(maps, padded.shape[:2], mode="bilinear", align_corners=False)
    return full[0, :, :height, :width].permute(1, 2, 0).float().cpu().numpy()


def _compute_features(network: nn.Module, photos: Tensor) -> Tensor:
    """Return a network's features (N, C, h, w) of photos (N, 3, H, W), RGB in [0, 1]."""
    trainable = cast(networks.TrainableNetwork, network)
    return trainable(trainable.normalize(photos.contiguous(memory_format=torch.channels_last)))


def _make_optimizer(network: nn.Module, loss: nn.Module, config: TrainingConfig) -> torch.optim.Optimizer:
    """Return the configured optimizer of the network's parameters and the loss's."""
    groups = cast(networks.TrainableNetwork, network).parameter_groups(
        lr=config.learning_rate, weight_decay=config.weight_decay
    )
    groups.append({"params": list(loss.parameters()), "lr": config.learning_rate, "weight_decay": 0.0})
    groups = [group for group in groups if group["params"]]
    if config.optimizer == "adamw":
        return torch.optim.AdamW(groups)
    if config.optimizer == "sgd":
        return torch.optim.SGD(groups, momentum=0.9)  # as published
    raise ValueError(f"optimizer: expected adamw or sgd, got {config.optimizer!r}")


def _list_state(network: nn.Module) -> Iterable[Tensor]:
    """Return the network's parameters and buffers, in the order of its state."""
    return network.state_dict().values()


def _halve(weights: dict[str, Tensor]) -> dict[str, Tensor]:
    """Return weights in half precision; integers stay as they are."""
    return {name: value.half() if value.is_floating_point() else value for name, value in weights.items()}


def _format_row(step: int, loss: float, auc: float, minutes: float) -> dict[str, str]:
    """Return a row of the log, by its columns' names."""
    return {"step": str(step), "loss": f"{loss:.4f}", "auc": f"{auc:.4f}", "minutes": f"{minutes:.1f}"}


def _append_row(path: Path, row: dict[str, str]) -> None:
    """Append a row to a CSV file, which begins with a header if it is new."""
    new = not path.exists()
    with path.open("a", newline="") as file:
        writer = csv.DictWriter(file, row)
        if new:
            writer.writeheader()
        writer.writerow(row)
