"""Writing predictions in the layout that a file's ending names."""

from __future__ import annotations

from pathlib import Path

from pointillist.dataset import Dataset
from pointillist.errors import ConfigError
from pointillist.formats import save_dataset
from pointillist.formats.coco_results import write_results
from pointillist.formats.convert import check_target
from pointillist.formats.csv_points import write_csv

#: What each ending stands for.
ENDINGS = {
    ".json": "COCO results",
    ".csv": "table of points",
    ".slp": "SLEAP",
    ".h5": "DeepLabCut's table",
}


def check_output(path: str | Path, format: str | None = None) -> None:
    """Whether :func:`write_predictions` can write so.

    To be called before predicting: an hour's work should not end in a wrong file name.

    Raises:
        ConfigError: no layout has this ending.
        DataError: the layout that is named cannot be written, or there is something already.
    """
    if format is not None:
        check_target(Path(path), format)
        return
    suffix = Path(path).suffix.lower()
    if suffix not in ENDINGS:
        known = ", ".join(f"{ending} ({title})" for ending, title in ENDINGS.items())
        raise ConfigError(f"predictions cannot be written to '{path}'", do=f"Known are {known}.")


def write_predictions(
    predictions: Dataset, path: str | Path, format: str | None = None
) -> list[str]:
    """Writes predictions; the file's ending says how (:data:`ENDINGS`).

    Args:
        predictions: as the predictor gives them.
        path: the file; with ``format`` what that layout writes, perhaps a folder.
        format: name of a layout, for what the ending does not tell: ``deeplabcut`` for its CSV,
            ``yolo`` for a folder of text files.

    Returns:
        what the layout could not keep, one line each.

    Raises:
        ConfigError: no layout has this ending.
        DataError: the data set has no skeleton.
    """
    path = Path(path)
    if format is not None:
        return save_dataset(predictions, path, format)
    check_output(path)
    if path.suffix.lower() == ".h5":
        return save_dataset(predictions, path, "deeplabcut")
    if path.suffix.lower() == ".slp":
        return save_dataset(predictions, path, "sleap")
    if path.suffix.lower() == ".csv":
        write_csv(predictions, path)
    else:
        write_results(predictions, path)
    return []
