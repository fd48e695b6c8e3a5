"""Where a training's figures go (metrics.csv and TensorBoard), and what nobody needs to read."""

from __future__ import annotations

import csv
import logging
import warnings
from pathlib import Path

from lightning.pytorch.loggers import CSVLogger, Logger, TensorBoardLogger
from lightning.pytorch.utilities import rank_zero_only


def make_loggers(folder: Path, start: int) -> list[Logger]:
    """``metrics.csv`` and ``tensorboard/``, continued where a training resumes at step ``start``.

    What an interrupted session logged beyond its last checkpoint is taken back: those steps are
    made, and logged, again.
    """
    table = CSVLogger(folder, name="", version="")
    if start:
        _continue_table(table, folder / "metrics.csv", start)
    board = TensorBoardLogger(folder, name="tensorboard", version="", purge_step=start or None)
    return [table, board]


@rank_zero_only
def _continue_table(logger: CSVLogger, file: Path, start: int) -> None:
    """Keeps the rows before ``start``: Lightning's logger begins by deleting the file."""
    if not file.exists():
        return
    with file.open(encoding="utf-8", newline="") as table:
        rows = [row for row in csv.DictReader(table) if int(row["step"]) < start]
    logger.experiment.metrics.extend(rows)
    logger.save()


def silence_lightning() -> None:
    """Lightning's advice is for people who write training loops."""
    logging.getLogger("lightning.pytorch").setLevel(logging.WARNING)
    for text in (
        ".*does not have many workers.*",
        ".*you're resuming from a checkpoint that ended before.*",
        ".*Checkpoint directory .* exists and is not empty.*",
        ".*Experiment logs directory .* exists.*",
        ".*was not found in the CSVLogger.*",
        ".*module\\(s\\) in eval mode at the start of training.*",
        ".*LeafSpec.*is deprecated.*",
        ".*is smaller than the logging interval.*",
        ".*but have no `val_dataloader`.*",
    ):
        warnings.filterwarnings("ignore", text)
