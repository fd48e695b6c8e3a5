"""Between sleap-io's ``Labels`` and a ``Dataset``: what SLEAP files and NWB share.

SLEAP counts from the centre of the top-left pixel; sleap-io converts older files, which counted
from its corner. A node that is not 'visible' is not annotated: SLEAP puts nodes that nobody has
moved at invented places, marked so, and learns no peak there.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Hashable
from pathlib import Path
from typing import Any

import numpy as np

from pointillist.caching import cache_folder, file_key
from pointillist.dataset import NOT_ANNOTATED, VISIBLE, Dataset, Image, Instance
from pointillist.errors import DataError
from pointillist.files import whole_file
from pointillist.formats.base import with_box_from_points
from pointillist.formats.extras import import_extra
from pointillist.formats.locate import clean_name
from pointillist.formats.moved import find_images
from pointillist.formats.tables import PIXEL_CENTRE
from pointillist.images import IMAGE_SUFFIXES, upright_size
from pointillist.skeleton import Skeleton, find_flip_pairs, side_problems


def import_sleap_io() -> Any:
    """sleap-io, or one line that says how to get it."""
    return import_extra("sleap_io", "SLEAP and NWB files")


def dataset_of(labels: Any, file: Path, below: Path | None = None) -> Dataset:
    """What sleap-io has read, as a data set.

    Where a person labelled anything, predictions in the file are left out; a file of predictions
    alone gives instances with confidence. Suggested frames are unlabelled images. Images that are
    embedded in the file are extracted, without loss, to the cache. Videos and images that moved are
    looked for by name below the file's folder and ``below``.

    Raises:
        DataError: there is no skeleton, there are several with different nodes, or none of the
            videos and images is there.
    """
    if not labels.skeletons:
        raise DataError("there is no skeleton in this file", where=file)
    skeleton, odd = _skeleton(labels.skeletons, file)
    sleap_io = import_sleap_io()
    frames = list(labels.labeled_frames)
    by_hand = any(type(i) is sleap_io.Instance for frame in frames for i in frame.instances)
    left_out = 0
    places = _Places(file)
    images: list[Image] = []
    for frame in frames:
        image = places.image(frame.video, int(frame.frame_idx))
        for found in frame.instances:
            if by_hand and isinstance(found, sleap_io.PredictedInstance):
                left_out += 1
                continue
            instance = _instance(found, skeleton)
            if instance.labeled:
                image.instances.append(instance)
        if len(image.instances) > 1:
            image.instances = [with_box_from_points(instance) for instance in image.instances]
        images.append(image)
    known = {(image.path, image.frame) for image in images}
    for suggestion in labels.suggestions:
        image = places.image(suggestion.video, int(suggestion.frame_idx))
        if (image.path, image.frame) not in known:
            images.append(image)
    if not images:
        raise DataError("no frame of this file is labelled or suggested", where=file)
    if left_out:
        odd.append(f"{left_out} predictions were left out, as there are labels made by hand")
    dataset = Dataset(skeleton, images, file.parent, name=file.stem, problems=odd)
    dataset = find_images(dataset, file.parent, below)
    videos = {i.path: dataset.file(i) for i in dataset if i.frame is not None}
    dataset.videos = [video for video in videos.values() if video.is_file()]
    return dataset


def labels_of(dataset: Dataset, *, opened: bool = False) -> Any:
    """A data set as sleap-io's Labels: frames by video, images by size and group.

    Args:
        dataset: instances with confidence become predictions, others labels; images without
            labels become suggestions.
        opened: whether sleap-io must read the videos itself, as it does to write NWB; otherwise
            they may be of a kind that it does not know.

    Raises:
        DataError: there is no skeleton, or the size of an image or video cannot be had.
    """
    sleap_io = import_sleap_io()
    if dataset.skeleton is None:
        raise DataError("there is no skeleton, and a SLEAP file needs one")
    names = dataset.skeleton.keypoints
    skeleton = sleap_io.Skeleton(
        nodes=list(names),
        edges=[(names[a], names[b]) for a, b in dataset.skeleton.edges],
        symmetries=[(names[a], names[b]) for a, b in dataset.skeleton.flip_pairs],
        name=dataset.skeleton.name,
    )
    tracks: dict[str, Any] = {}
    videos, seats = _videos(sleap_io, dataset, opened)
    frames, suggestions = [], []
    for image, (video, index) in zip(dataset, seats, strict=True):
        if not image.labeled:
            suggestions.append(sleap_io.SuggestionFrame(video=video, frame_idx=index))
            continue
        instances = []
        for instance in image.instances:
            if not instance.labeled:
                continue
            track = None
            if instance.track is not None:
                track = tracks.setdefault(instance.track, sleap_io.Track(instance.track))
            common = {"skeleton": skeleton, "track": track}
            points = instance.points - PIXEL_CENTRE
            if instance.confidence is None:
                instances.append(sleap_io.Instance.from_numpy(points, **common))
                continue
            score = instance.score
            instances.append(
                sleap_io.PredictedInstance.from_numpy(
                    points,
                    point_scores=instance.confidence,
                    score=float(instance.confidence.mean() if score is None else score),
                    **common,
                )
            )
        frames.append(sleap_io.LabeledFrame(video=video, frame_idx=index, instances=instances))
    return sleap_io.Labels(
        frames,
        videos=videos,
        skeletons=[skeleton],
        tracks=list(tracks.values()),
        suggestions=suggestions,
    )


def _skeleton(found: list[Any], file: Path) -> tuple[Skeleton, list[str]]:
    names = tuple(str(name) for name in found[0].node_names)
    for other in found[1:]:
        if tuple(other.node_names) != names:
            raise DataError(
                f"there are two skeletons: {', '.join(names)}; {', '.join(other.node_names)}",
                where=file,
                do="Keep one of them in the file.",
            )
    pairs = [tuple(sorted(pair)) for pair in found[0].symmetry_inds]
    by_name = {tuple(sorted(pair)): pair for pair in find_flip_pairs(names)}
    # A symmetry is a set of two; where the names say which is left, that one comes first.
    named = tuple(by_name.get(pair, pair) for pair in sorted(pairs)) or find_flip_pairs(names)
    skeleton = Skeleton(
        names, tuple(found[0].edge_inds), named, name=str(found[0].name or "object")
    )
    return skeleton, side_problems(skeleton)


def _instance(found: Any, skeleton: Skeleton) -> Instance:
    order = {str(name): i for i, name in enumerate(found.skeleton.node_names)}
    rows = [order[name] for name in skeleton.keypoints]
    points = np.asarray(found.points["xy"], np.float64)[rows] + PIXEL_CENTRE
    seen = np.asarray(found.points["visible"], bool)[rows] & np.isfinite(points).all(axis=1)
    instance = Instance(points, np.where(seen, VISIBLE, NOT_ANNOTATED))
    instance.track = None if found.track is None else str(found.track.name)
    if "score" in found.points.dtype.names:
        scores = np.nan_to_num(np.asarray(found.points["score"], np.float64)[rows])
        instance.confidence = np.clip(np.where(seen, scores, 0), 0, 1)
        instance.score = float(found.score)
    return instance


class _Places:
    """Where the picture of a frame lies: a frame of a video, an image file, or in the cache."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._opened: dict[int, Any] = {}
        self._key = ""

    def image(self, video: Any, index: int) -> Image:
        name = video.filename
        if isinstance(name, list):
            path = clean_name(str(name[index]))
            return Image(self._from_here(path), group=Path(path).parent.name or None)
        if (video.backend_metadata or {}).get("type") == "HDF5Video" or _is_embedded(video):
            source = video.source_video.filename if video.source_video is not None else name
            source = source[0] if isinstance(source, list) else source
            path = self._extracted(video, index).as_posix()
            return Image(path, group=Path(clean_name(str(source))).stem)
        path = clean_name(str(name))
        if Path(path).suffix.lower() in IMAGE_SUFFIXES - {".tif", ".tiff"}:
            return Image(self._from_here(path), group=Path(path).parent.name or None)
        return Image(self._from_here(path), group=Path(path).stem, frame=index)

    def _from_here(self, path: str) -> str:
        """Relative to the file's folder where it lies in it, so that both can move together."""
        folder = self._file.parent.resolve().as_posix().rstrip("/") + "/"
        return path.removeprefix(folder)

    def _extracted(self, video: Any, index: int) -> Path:
        import cv2

        if id(video) not in self._opened:
            self._key = self._key or file_key(self._file)
            video.open()
            self._opened[id(video)] = f"video{len(self._opened)}"
        folder = cache_folder() / "slp" / self._key / self._opened[id(video)]
        target = folder / f"img{index:06d}.png"
        if not target.is_file():
            try:
                pixels = np.asarray(video[index])
            except (IndexError, KeyError, OSError, ValueError) as error:
                raise DataError(
                    f"the embedded image of frame {index} cannot be read ({error})",
                    where=self._file,
                ) from None
            if pixels.shape[-1] == 3:
                pixels = cv2.cvtColor(pixels, cv2.COLOR_RGB2BGR)
            with whole_file(target) as temporary:
                temporary.write_bytes(cv2.imencode(".png", pixels)[1].tobytes())
        return target


def _is_embedded(video: Any) -> bool:
    return str(video.filename).lower().endswith((".slp", ".h5", ".hdf5"))


def _videos(
    sleap_io: Any, dataset: Dataset, opened: bool
) -> tuple[list[Any], list[tuple[Any, int]]]:
    """The videos of a data set, and the video and index of each image."""
    members: dict[Hashable, list[str]] = defaultdict(list)
    seats: list[tuple[Hashable, int]] = []
    for image in dataset:
        path = str(dataset.file(image).resolve())
        key: Hashable = path
        if image.frame is None and not opened:
            key = (image.group, upright_size(dataset, image))
        if image.frame is None or not members[key]:
            members[key].append(path)
        seats.append((key, len(members[key]) - 1 if image.frame is None else image.frame))
    made = {}
    for key, files in members.items():
        if opened:
            # One image file a series: sleap-io writes several into NWB but cannot read them.
            made[key] = sleap_io.Video.from_filename(files[0])
        elif isinstance(key, tuple):
            width, height = key[1]
            about: dict[str, Any] = {"type": "ImageVideo", "shape": [len(files), height, width, 3]}
            about |= {"filename": files[0], "filenames": files}
            made[key] = sleap_io.Video(filename=files, backend_metadata=about, open_backend=False)
        else:
            made[key] = _video(sleap_io, files[0])
    return list(made.values()), [(made[key], index) for key, index in seats]


def _video(sleap_io: Any, path: str) -> Any:
    from pointillist.video import VideoReader

    with VideoReader(path) as reader:
        shape = [reader.frames, reader.height, reader.width, 3]
        about = {"type": "MediaVideo", "shape": shape, "filename": path, "fps": reader.fps}
    about["grayscale"] = False
    return sleap_io.Video(filename=path, backend_metadata=about, open_backend=False)
