from .config import LITE, PUBLISHED, Folder, TrainingConfig
from .loop import train
from .networks import TrainableNetwork
from .validation import photo_auc

__all__ = [
    "LITE",
    "PUBLISHED",
    "Folder",
    "TrainableNetwork",
    "TrainingConfig",
    "photo_auc",
    "train",
]
