"""pointillist: keypoint detectors from few labelled images and many unlabelled ones.

The public names are loaded when they are first used, so that ``import pointillist`` is quick.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from pointillist.version import __version__

if TYPE_CHECKING:
    from pointillist.config import Config, make_config
    from pointillist.dataset import Dataset, Image, Instance
    from pointillist.errors import PointillistError
    from pointillist.exporting import export
    from pointillist.formats import open_dataset, save_dataset
    from pointillist.inference import Predictor, evaluate, predict
    from pointillist.run import Run
    from pointillist.skeleton import Skeleton
    from pointillist.training import train

_WHERE = {
    "Config": "config",
    "Dataset": "dataset",
    "Image": "dataset",
    "Instance": "dataset",
    "PointillistError": "errors",
    "Predictor": "inference",
    "Run": "run",
    "Skeleton": "skeleton",
    "evaluate": "inference",
    "export": "exporting",
    "make_config": "config",
    "open_dataset": "formats",
    "predict": "inference",
    "save_dataset": "formats",
    "train": "training",
}


def __getattr__(name: str) -> Any:
    if name not in _WHERE:
        raise AttributeError(f"module 'pointillist' has no attribute '{name}'")
    return getattr(import_module(f"pointillist.{_WHERE[name]}"), name)


def __dir__() -> list[str]:
    return sorted(__all__)


__all__ = [
    "Config",
    "Dataset",
    "Image",
    "Instance",
    "PointillistError",
    "Predictor",
    "Run",
    "Skeleton",
    "__version__",
    "evaluate",
    "export",
    "make_config",
    "open_dataset",
    "predict",
    "save_dataset",
    "train",
]
