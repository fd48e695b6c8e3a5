"""Run: what a training leaves on disk, opened again.

::

    config.yaml         every option
    skeleton.json       the points
    split/              labeled.json, unlabeled.json, val.json
    environment.json    versions, machine, commit
    weights.txt         what of a weights file did and did not load
    problems.txt        files that were left out, with the reason
    notes.txt           what was noticed in reading the data, and the left-right pairs
    metrics.csv         losses and validation over the steps
    tensorboard/        the same for TensorBoard
    checkpoints/        last.ckpt (to resume), best.ckpt
    model.safetensors   the network to predict with: the best on validation
    student.safetensors the learning network that it is the average of, at that step
    usual_box.json      where the object is in images without a box, where the labelled ones agree
    calibration.json    what its confidence means, learnt from validation images
    box_finder.safetensors  the network that finds boxes, where one was asked for
    result.json         how it ended
"""

from __future__ import annotations

import json
import platform
import subprocess
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pointillist.calibration import Calibration
from pointillist.config import Config, read_yaml, validate
from pointillist.errors import DataError
from pointillist.files import read_json, write_json
from pointillist.skeleton import Skeleton
from pointillist.usual_box import UsualBox

if TYPE_CHECKING:
    from pointillist.models.box_finder import BoxFinder
    from pointillist.models.localizer import Localizer

_PACKAGES = ("torch", "torchvision", "timm", "lightning", "numpy", "opencv-python-headless")


class Run:
    """A training's folder.

    Args:
        path: the folder.
        config: of the training.
        skeleton: of its points.
    """

    def __init__(self, path: Path, config: Config, skeleton: Skeleton) -> None:
        self.path, self.config, self.skeleton = Path(path), config, skeleton

    @classmethod
    def open(cls, path: str | Path) -> Run:
        """Opens a run's folder.

        Raises:
            DataError: the folder is no run.
        """
        path = Path(path)
        for name in ("config.yaml", "skeleton.json"):
            if not (path / name).is_file():
                raise DataError(
                    f"this is not a run: it has no {name}",
                    where=path,
                    do="Give the folder that pointillist train wrote.",
                )
        config = validate(Config, read_yaml(path / "config.yaml"), where=path / "config.yaml")
        return cls(path, config, Skeleton.from_values(read_json(path / "skeleton.json")))

    @classmethod
    def create(cls, path: Path, config: Config, skeleton: Skeleton) -> Run:
        """Starts a run's folder; one that holds a run already is refused."""
        if (path / "config.yaml").exists():
            raise DataError(
                "there is a run in this folder already",
                where=path,
                do="Continue it with --resume, or choose another folder with -o.",
            )
        path.mkdir(parents=True, exist_ok=True)
        config.save(path / "config.yaml")
        write_json(path / "skeleton.json", skeleton.values(), indent=1)
        write_json(path / "environment.json", environment(), indent=1)
        return cls(path, config, skeleton)

    @property
    def last_checkpoint(self) -> Path:
        """Where a resumed training starts."""
        return self.path / "checkpoints" / "last.ckpt"

    @property
    def best_checkpoint(self) -> Path:
        """The best on validation."""
        return self.path / "checkpoints" / "best.ckpt"

    @property
    def weights(self) -> Path:
        """The network to predict with."""
        return self.path / "model.safetensors"

    @property
    def student_weights(self) -> Path:
        """The network that was learning when the one to predict with, its average, was saved."""
        return self.path / "student.safetensors"

    @property
    def box_finder_weights(self) -> Path:
        """The network that finds boxes; there is none where it was not asked for."""
        return self.path / "box_finder.safetensors"

    @property
    def calibration_file(self) -> Path:
        """What the network's confidence means."""
        return self.path / "calibration.json"

    @property
    def calibration(self) -> Calibration | None:
        """What the network's confidence means; none where validation was too small to tell."""
        return Calibration.open(self.calibration_file) if self.calibration_file.exists() else None

    @property
    def usual_box_file(self) -> Path:
        """Where the object is in images of which no box is known."""
        return self.path / "usual_box.json"

    @property
    def usual_box(self) -> UsualBox | None:
        """What to cut out of images of which no box is known; none: they are seen whole."""
        return UsualBox.open(self.usual_box_file) if self.usual_box_file.exists() else None

    @property
    def problems(self) -> list[str]:
        """Files that were left out, with the reason, one line each."""
        return (self.path / "problems.txt").read_text(encoding="utf-8").splitlines()

    @property
    def metrics(self) -> dict[str, Any]:
        """How the training ended: steps, minutes, the best validation score; empty before."""
        file = self.path / "result.json"
        return dict(read_json(file)) if file.exists() else {}

    def network(self) -> Localizer:
        """The trained network, in evaluation mode.

        Raises:
            DataError: the training has not saved one yet, or the file is not what it should be.
        """
        if not self.weights.exists():
            raise DataError(
                "this run has no trained network yet",
                where=self.path,
                do="Continue it with pointillist train --resume.",
            )
        return self._load(self.weights)

    def student(self) -> Localizer | None:
        """The learning network, in evaluation mode; none where no averaged weights were kept."""
        return self._load(self.student_weights) if self.student_weights.exists() else None

    def _load(self, weights: Path) -> Localizer:
        from safetensors import SafetensorError, safe_open

        from pointillist.models.localizer import create_localizer

        options = self.config.model.model_copy(update={"pretrained": False, "weights": None})
        network = create_localizer(options, len(self.skeleton))
        try:
            with safe_open(weights, "pt") as file:
                normalisation = (file.metadata() or {})["normalisation"]
                network.load_state_dict({name: file.get_tensor(name) for name in file.keys()})  # noqa: SIM118 (it is no dict)
            # Pretrained backbones bring their own normalisation, and this one is built without.
            network.mean, network.std = map(tuple, json.loads(normalisation))
        except (SafetensorError, RuntimeError, KeyError) as error:
            raise DataError(
                "this file does not fit the network that the run's config.yaml describes",
                where=weights,
            ) from error
        return network.eval()

    def box_finder(self) -> BoxFinder:
        """The network that finds boxes in whole images, in evaluation mode.

        Raises:
            DataError: the run has none.
        """
        from pointillist.models.box_finder import load_box_finder

        if not self.box_finder_weights.exists():
            raise DataError(
                "this run has no network that finds boxes",
                where=self.path,
                do="Train one with pointillist train --localize, or give boxes with --boxes.",
            )
        return load_box_finder(self.config.model, self.box_finder_weights)


def environment() -> dict[str, Any]:
    """Versions, machine and, in a checkout, the commit."""
    from pointillist.version import __version__

    versions = {}
    for package in _PACKAGES:
        try:
            versions[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            continue
    return {
        "pointillist": __version__,
        "commit": commit(),
        "python": platform.python_version(),
        "versions": versions,
        "machine": machine(),
    }


def commit() -> str | None:
    """The commit that this package runs from, marked if the files were changed since; or none."""
    folder = Path(__file__).parent

    def git(*arguments: str) -> str | None:
        try:
            done = subprocess.run(
                ["git", *arguments], cwd=folder, capture_output=True, text=True, check=False
            )
        except OSError:
            return None
        return done.stdout.strip() if done.returncode == 0 else None

    # An installed copy may lie inside somebody else's repository: only a tracked file counts.
    if git("ls-files", "--error-unmatch", Path(__file__).name) is None:
        return None
    changed = git("status", "--porcelain", "--untracked-files=no", "--", ".")
    return f"{git('rev-parse', 'HEAD')}{'-changed' if changed else ''}"


def machine() -> dict[str, Any]:
    """Processor, cores and accelerator."""
    import os

    import torch

    gpu = torch.cuda.get_device_name(0) if torch.cuda.is_available() else None
    return {
        "system": platform.system(),
        "processor": platform.processor() or platform.machine(),
        "cores": os.cpu_count(),
        "gpu": gpu,
    }
