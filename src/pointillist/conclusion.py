"""What a training leaves when it ends: the network, what its confidence means, how it ended."""

from __future__ import annotations

import numpy as np
import torch

from pointillist.backend import TorchBackend
from pointillist.batch import Batch
from pointillist.calibration import LEAST, Calibration, fit_calibration
from pointillist.callbacks import MONITOR, KeepBestNetwork, save_networks
from pointillist.files import write_json
from pointillist.geometry import transform_points
from pointillist.lightning_module import TrainingModule
from pointillist.loading import CropStore, InOrder, make_loader
from pointillist.metrics.reliability import CALIBRATION_ALPHA
from pointillist.run import Run
from pointillist.training_data import TrainingData


def conclude(
    run: Run, module: TrainingModule, stores: tuple[CropStore, CropStore], data: TrainingData
) -> None:
    """Saves the network where validation has not chosen one, calibrates it, says how it ended.

    Args:
        run: of the training.
        module: that has trained.
        stores: crops of the training and of validation.
        data: that was trained on.
    """
    best = module.trainer.callback_metrics.get(MONITOR)
    keepers = [c for c in module.trainer.callbacks if isinstance(c, KeepBestNetwork)]  # type: ignore[attr-defined]
    if not keepers or keepers[0].best is None:
        save_networks(module, run)
    if not module.interrupted:  # whoever interrupts does not want to wait
        calibration = calibrate(run, stores[1], module.lengths)
        if calibration is not None:
            calibration.save(run.calibration_file)
    counts = {
        "labeled": len(data.labeled),
        "unlabeled": len(data.unlabeled),
        "val": len(data.val),
        "crops": len(stores[0]),
        "left_out": len(run.problems),
    }
    watch = module.method.collapse
    result = {
        "status": "interrupted" if module.interrupted else "finished",
        "method": run.config.method,
        "steps": module.global_step,
        "minutes": round(module.minutes, 3),
        "val_pck@0.1": None if best is None else float(best),
        "best_val_pck@0.1": keepers[0].best if keepers else None,
        "best_step": keepers[0].step if keepers else None,
        "teacher": None if watch is None else watch.summary(),
        "dataset": counts,
    }
    write_json(run.path / "result.json", result, indent=1)


def calibrate(run: Run, store: CropStore, lengths: np.ndarray) -> Calibration | None:
    """What the peaks of a run's network mean, predicted as a prediction does it by default.

    Args:
        run: that has its network.
        store: crops of validation.
        lengths: (N,) longest side of each one's box in the file's pixels; 0: unknown.
    """
    known = sum(int(s.instance.annotated.sum()) for s in store.samples if s.instance is not None)
    if known < LEAST:
        return None
    backend = TorchBackend(run.network(), run.skeleton, run.config.input)
    peaks, correct = [], []
    batch: Batch
    for batch in make_loader(store, InOrder(len(store), 64), workers=0):
        points, height = backend(batch.images.permute(0, 2, 3, 1).contiguous().numpy())
        found = transform_points(batch.to_file, torch.from_numpy(points))
        apart = (found - transform_points(batch.to_file, batch.points)).norm(dim=2).numpy()
        length = lengths[batch.index.numpy()][:, None]
        counted = batch.annotated.numpy() & (length > 0)
        peaks.append(height[counted])
        correct.append((apart <= CALIBRATION_ALPHA * length)[counted])
    return fit_calibration(np.concatenate(peaks), np.concatenate(correct))
