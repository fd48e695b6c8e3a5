"""What makes a score look better than the network is."""

from __future__ import annotations

from pointillist.dataset import Dataset
from pointillist.identity import keys_in, keys_of
from pointillist.run import Run


def familiar(run: Run, data: Dataset) -> list[str]:
    """A line where a run is to be scored on what it knows, and one where it was stopped.

    A run whose split is gone, or names files that have moved, is taken at its word.
    """
    lines = []
    keys = set(keys_of(data.root, data))
    chosen = "the run's network was chosen"
    if run.calibration_file.exists():
        chosen += ", and its confidence calibrated,"
    roles = {"labeled": "the run has learnt from the labels of", "val": f"{chosen} on"}
    for name, role in roles.items():
        known = len(keys & (keys_in(run.path / "split" / f"{name}.json") or set()))
        if known:
            lines.append(f"{role} {known} of these {len(keys)} images: scores flatter it there")
    ended = run.metrics
    if ended.get("status") == "interrupted":
        steps, planned = ended["steps"], run.config.training.max_steps
        lines.append(
            f"this training was stopped after {steps:,} of {planned:,} steps; "
            f"to go on: pointillist train --resume -o {run.path}"
        )
    return lines
