"""SLEAP ``.slp`` files, with or without embedded images, through sleap-io.

Layout: Pereira et al., Nature Methods 2022; https://io.sleap.ai. A file names its videos; those
are looked for below its folder if they are not where it says.
"""

from __future__ import annotations

from pathlib import Path

from pointillist.dataset import Dataset
from pointillist.errors import DataError
from pointillist.files import whole_file
from pointillist.formats.base import Format
from pointillist.formats.losses import losses
from pointillist.formats.sleap_labels import dataset_of, import_sleap_io, labels_of

KEEPS = (
    *("tracks", "confidence", "scores", "unlabelled", "frames", "edges", "flip pairs", "videos"),
)


def detect(path: Path) -> bool:
    """A file that ends in ``.slp``, or a folder with one right in it."""
    if path.is_dir():
        return any(path.glob("*.slp"))
    return path.suffix.lower() == ".slp"


def read(path: Path, below: Path | None = None) -> Dataset:
    """Reads a ``.slp`` file; see :func:`pointillist.formats.sleap_labels.dataset_of`.

    Raises:
        DataError: it is no such file, its video is gone, or it has no skeleton.
        PointillistError: sleap-io is not installed.
    """
    sleap_io = import_sleap_io()
    if path.is_dir():
        files = sorted(path.glob("*.slp"))
        if len(files) != 1:
            raise DataError(
                f"there are {len(files)} .slp files in this folder: "
                f"{', '.join(file.name for file in files)}",
                where=path,
                do="Name the file to open.",
            )
        path = files[0]
    try:
        labels = sleap_io.load_slp(str(path), open_videos=False)
    except Exception as error:
        # Whatever a broken file does to the reader, the user needs the file's name and the reason.
        raise DataError(f"this is no SLEAP file that can be read ({error})", where=path) from None
    dataset = dataset_of(labels, path, below)
    # SLEAP learns such nodes of labels as empty maps; in predictions they are those it dropped.
    dataset.missing_absent = all(one.confidence is None for one in dataset.objects)
    return dataset


def write(dataset: Dataset, path: Path) -> list[str]:
    """Writes a ``.slp`` file that names videos and images where they are.

    Predictions (instances with confidence) are written as such.

    Raises:
        DataError: there is no skeleton, the ending is another, or an image cannot be read.
        PointillistError: sleap-io is not installed.
    """
    if path.suffix.lower() != ".slp":
        raise DataError("a SLEAP file must end in .slp", where=path)
    labels = labels_of(dataset)
    with whole_file(path) as temporary:
        import_sleap_io().save_slp(labels, str(temporary), verbose=False)
    return losses(dataset, KEEPS)


FORMAT = Format(
    name="sleap",
    title="SLEAP .slp",
    detect=detect,
    read=read,
    write=write,
    loses="boxes, hidden points (they become visible ones), sigmas, categories, groups of images",
    not_read="nodes that are not 'visible' (SLEAP puts those that nobody placed at invented "
    "places), predictions in files that have labels, sessions of several cameras",
    needs="pointillist[layouts]",
    searches=True,
)
