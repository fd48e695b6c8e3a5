"""NWB files with ``ndx-pose`` (Neurodata Without Borders), through sleap-io.

Layout: https://github.com/rly/ndx-pose. Read are pose training (labels) and pose estimation
(predictions); written is pose training.
"""

from __future__ import annotations

from pathlib import Path

from pointillist.dataset import Dataset
from pointillist.errors import DataError
from pointillist.files import whole_file
from pointillist.formats.base import Format
from pointillist.formats.losses import losses
from pointillist.formats.sleap_labels import dataset_of, import_sleap_io, labels_of

KEEPS = ("frames", "edges", "videos")


def detect(path: Path) -> bool:
    """By the ending ``.nwb``."""
    return path.is_file() and path.suffix.lower() == ".nwb"


def read(path: Path, below: Path | None = None) -> Dataset:
    """Reads labels or predictions from an NWB file, as
    :func:`pointillist.formats.sleap_labels.dataset_of` has it.

    Raises:
        DataError: it is no such file, has no poses, or its videos are gone.
        PointillistError: sleap-io is not installed.
    """
    sleap_io = import_sleap_io()
    try:
        labels = sleap_io.load_nwb(str(path))
    except Exception as error:
        raise DataError(f"no poses can be read from this NWB file ({error})", where=path) from None
    return dataset_of(labels, path, below)


def write(dataset: Dataset, path: Path) -> list[str]:
    """Writes labels as pose training, with videos and images named where they are.

    Raises:
        DataError: nothing is labelled, there is no skeleton, the ending is another, or a video
            cannot be read by sleap-io.
        PointillistError: sleap-io is not installed.
    """
    sleap_io = import_sleap_io()
    if path.suffix.lower() != ".nwb":
        raise DataError("an NWB file must end in .nwb", where=path)
    labelled = dataset.subset(dataset.labeled)
    if not labelled.images:
        raise DataError("nothing is labelled, so there is nothing to put into an NWB file")
    labels = labels_of(labelled, opened=True)
    with whole_file(path) as temporary:
        try:
            sleap_io.save_nwb(labels, str(temporary), nwb_format="annotations")
        except (OSError, ValueError) as error:
            raise DataError(f"this cannot be written as NWB ({error})", where=path) from None
    return losses(dataset, KEEPS)


FORMAT = Format(
    name="nwb",
    title="NWB (ndx-pose)",
    detect=detect,
    read=read,
    write=write,
    loses="images without labels, boxes, hidden points (they become visible ones), tracks, "
    "confidence, left-right pairs that the names do not tell, sigmas, categories",
    not_read="as of SLEAP; everything that is not a pose; a series of several image files, which "
    "sleap-io cannot open",
    needs="pointillist[layouts]",
    searches=True,
)
