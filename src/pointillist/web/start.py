"""Starting a project: which images, which keypoints."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from pointillist.dataset import Dataset, Image
from pointillist.errors import DataError
from pointillist.formats import detect_format, open_dataset
from pointillist.images import natural_key
from pointillist.media import is_video
from pointillist.skeleton import Skeleton, find_flip_pairs
from pointillist.video import VideoReader

#: Folder of the trainings; the pictures that they leave there are nothing to label.
RUNS = "runs"


def gather(path: Path) -> Dataset:
    """What there is to label: a folder of images and videos, one video, or any data set.

    Raises:
        DataError: there is neither an image nor a video.
    """
    path = Path(path)
    if path.is_file() and is_video(path):
        return Dataset(None, _frames(path), path.parent, path.stem)
    if path.is_dir() and detect_format(path).name == "folder":
        return scan(path)
    return open_dataset(path)


def scan(folder: Path) -> Dataset:
    """The images and the frames of all videos below a folder, without the trainings' pictures.

    Raises:
        DataError: there is neither an image nor a video.
    """
    videos = sorted(
        (
            file
            for file in folder.rglob("*")
            if is_video(file)
            and file.is_file()
            and not any(part.startswith(".") for part in file.relative_to(folder).parts)
        ),
        key=lambda file: natural_key(file.as_posix()),
    )
    try:
        found = open_dataset(folder, "folder")
    except DataError:
        if not videos:
            raise
        found = Dataset(None, [], folder, folder.resolve().name)
    images = [*found, *(image for video in videos for image in _frames(video))]
    runs = f"{RUNS}/"
    kept = [image for image in images if not image.path.startswith(runs)]
    return replace(found, images=kept)


def make_skeleton(
    keypoints: Sequence[str], edges: Sequence[tuple[str, str]] = (), name: str = "object"
) -> Skeleton:
    """A skeleton of names; left-right pairs are found by name.

    Raises:
        DataError: no name, one twice, or an edge to a name that is not there.
    """
    names = [keypoint.strip() for keypoint in keypoints]
    names = [keypoint for keypoint in names if keypoint]
    plain = Skeleton(tuple(names), flip_pairs=find_flip_pairs(names), name=name.strip() or "object")
    lines = [(plain.index(a.strip()), plain.index(b.strip())) for a, b in edges]
    return replace(plain, edges=tuple(lines))


def _frames(video: Path) -> list[Image]:
    with VideoReader(video) as reader:
        width, height = reader.size
        path = video.absolute().as_posix()
        return [
            Image(path, width=width, height=height, group=video.stem, frame=index)
            for index in range(reader.frames)
        ]
