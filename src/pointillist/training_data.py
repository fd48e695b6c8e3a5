"""What a training learns from: labelled, unlabelled and validation images, fixed in its folder."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from pointillist import missing
from pointillist.dataset import Dataset, Image
from pointillist.errors import ConfigError, DataError, PointillistError
from pointillist.formats import open_dataset, save_dataset
from pointillist.formats.moved import find_images
from pointillist.inspection import readable_images
from pointillist.media import is_video
from pointillist.progress import counted
from pointillist.skeleton import Skeleton, side_problems
from pointillist.usual_box import UsualBox, described, usual_box, with_usual_boxes

#: Names of the files that hold a split, in a split folder and in a run's folder.
PARTS = ("labeled", "unlabeled", "val")

#: Share of the labelled images that is held out where no validation set is given.
HELD_OUT = 0.15
#: So many frames of each video count as unlabelled images: the most varied ones.
FRAMES_OF_A_VIDEO = 200
#: With fewer labelled images than this, none is held out: each is worth more in training.
FEWEST_TO_HOLD_OUT = 20


@dataclass
class TrainingData:
    """Three parts with one skeleton.

    Args:
        labeled: images with annotated points.
        unlabeled: images whose labels, if any, were left behind.
        val: images to validate on; empty: none.
        problems: files that were left out, one line each with the reason.
        notes: what was noticed in reading (files that have moved, say), and the left-right pairs.
        usual: where the labelled objects are, if they agree; known when the data is gathered.
    """

    labeled: Dataset
    unlabeled: Dataset
    val: Dataset
    problems: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    usual: UsualBox | None = None

    @property
    def skeleton(self) -> Skeleton:
        """The skeleton of the labelled images."""
        if self.labeled.skeleton is None:
            raise DataError("the labelled images have no skeleton", where=self.labeled.root)
        return self.labeled.skeleton

    def counts(self) -> str:
        """How many images each part has, in words."""
        known, others, held_out = len(self.labeled), len(self.unlabeled), len(self.val)
        return f"{known} labelled images, {others} without labels, {held_out} to validate on"

    def save(self, folder: Path) -> None:
        """Writes the three parts as COCO files, so that a resumed run has the same split.

        A part without images has no file.
        """
        for name in PARTS:
            part: Dataset = getattr(self, name)
            if not part.images:
                continue
            if part.skeleton is None:
                part = Dataset(self.skeleton, part.images, part.root, part.name)
            save_dataset(part, folder / f"{name}.json")

    @classmethod
    def open(cls, folder: Path, images: str | Path | None = None) -> TrainingData:
        """Reads the three parts back; files that moved are looked for by name below ``images``."""
        labeled = open_dataset(folder / "labeled.json", "coco", images=images)
        files = {name: folder / f"{name}.json" for name in PARTS[1:]}
        rest = {
            name: open_dataset(file, "coco", images=images) if file.exists() else labeled.subset([])
            for name, file in files.items()
        }
        notes = [line for part in (labeled, *rest.values()) for line in part.problems]
        return cls(labeled, rest["unlabeled"], rest["val"], notes=notes)


def gather(
    data: str | Path | Dataset,
    *,
    format: str | None = None,
    images: str | Path | None = None,
    unlabeled: Sequence[str | Path | Dataset] = (),
    val: str | Path | Dataset | None = None,
    flip_pairs: Sequence[tuple[str, str]] = (),
    missing_absent: bool | None = None,
    seed: int = 0,
    strict: bool = False,
    quiet: bool = True,
) -> TrainingData:
    """Opens what a training is given.

    Args:
        data: a data set in any known layout, or a folder that ``pointillist split`` wrote.
            Images in it without annotation count as unlabelled, and so do frames of the videos
            that belong to it.
        format: layout of ``data``; none: found out.
        images: folder below which files of all that is given are looked for by name if they are
            not where they should be.
        unlabeled: more images without labels; labels in them are never read. Of a video, and of
            each of the data's own, up to :data:`FRAMES_OF_A_VIDEO` frames that differ are taken.
        val: what to validate on; none: the split folder's, else a share of the labelled images.
        flip_pairs: (left, right) names, in place of the left-right pairs that the data has.
        missing_absent: whether points that lack in a labelled object are marked absent; none: as
            the data means it.
        seed: chooses the held-out images.
        strict: an unreadable image is an error; otherwise it is reported and left out.
        quiet: no progress bar.

    Raises:
        DataError: nothing is labelled, skeletons differ, or (``strict``) a file cannot be read.
    """
    parts = _open_parts(data, format, images)
    labeled = parts["labeled"]
    if val is not None:
        parts["val"] = _open(val, images=images)
    if flip_pairs:
        parts = {
            name: part.with_flip_pairs(flip_pairs) if part.skeleton else part
            for name, part in parts.items()
        }
        labeled = parts["labeled"]
    lacking = missing.described(labeled, missing_absent)
    parts = {name: missing.as_meant(part, missing_absent) for name, part in parts.items()}
    labeled = parts["labeled"]
    problems: list[str] = []
    frames = _frames(_videos(labeled, unlabeled), problems, seed=seed, strict=strict, quiet=quiet)
    others = [_open(part, images=images) for part in unlabeled if not _is_video(part)]
    notes = [line for part in (*parts.values(), *others) for line in part.problems]
    bare = [_bare(part) for part in (parts.get("unlabeled"), *others, *frames) if part]
    bare.insert(0, _bare(labeled.subset(labeled.unlabeled)))
    labeled = labeled.subset(labeled.labeled)
    if not labeled.images:
        raise DataError(
            "no image in this data set has an annotated point",
            where=labeled.root,
            do="Label some first (pointillist label), or check the format with pointillist info.",
        )
    pool = Dataset(labeled.skeleton, [i for part in bare for i in part.images], labeled.root)
    checked = []
    for part in (labeled, pool, parts.get("val") or labeled.subset([])):
        good, bad = readable_images(part, strict=strict)
        if part is labeled and not good.images:
            raise DataError(
                f"none of the labelled images can be read, such as {bad[0]}",
                where=labeled.root,
                do="If they have moved, name the folder that holds them with --images.",
            )
        problems += bad
        checked.append(good)
    labeled, pool, held_out = checked
    usual = usual_box(labeled)
    strange = sum(not image.boxes for image in pool)
    if usual is not None and strange:
        notes.append(described(usual, strange))
        pool = with_usual_boxes(pool, usual)
    if val is not None or held_out.images:
        _check_validation(held_out, labeled)
    if "val" not in parts:
        labeled, held_out = hold_out(labeled, seed)
    if labeled.skeleton is not None:
        notes += _pairs(labeled.skeleton, notes)
    notes += lacking
    notes += _boxes_in_part(labeled)
    return TrainingData(labeled, pool, held_out, problems, list(dict.fromkeys(notes)), usual)


def _pairs(skeleton: Skeleton, said: list[str]) -> list[str]:
    """Which points a mirror image exchanges, in words: a wrong pair spoils a training unseen."""
    names = skeleton.keypoints
    if not skeleton.flip_pairs and set(side_problems(skeleton)) & set(said):
        return []  # the reader has said so, and which names look as if they had sides
    pairs = ", ".join(f"{names[a]}/{names[b]}" for a, b in skeleton.flip_pairs)
    if not pairs:
        return [
            "no left-right pairs are known, so images are never mirrored; "
            "name them all with --flip-pair LEFT,RIGHT"
        ]
    return [
        f"a mirror image exchanges: {pairs}; where that is wrong, name all pairs with "
        "--flip-pair LEFT,RIGHT"
    ]


def _boxes_in_part(labeled: Dataset) -> list[str]:
    """A line where some objects have a box and others none: in a crop everything is larger."""
    objects = labeled.objects
    drawn = sum(i.box is not None and not i.box_from_points for i in objects)
    if drawn in (0, len(objects)):
        return []
    return [
        f"{drawn} of {len(objects)} labelled objects have a box; of the others the whole image "
        "is looked at, where they are smaller: give boxes to all, or to none"
    ]


def _check_validation(held_out: Dataset, labeled: Dataset) -> None:
    names = [part.skeleton.keypoints if part.skeleton else () for part in (held_out, labeled)]
    if not held_out.labeled:
        raise DataError(
            "there is nothing to validate on: no readable image has an annotated point",
            where=held_out.root,
        )
    if names[0] != names[1]:
        raise ConfigError(
            "the validation images have other keypoints than the labelled ones",
            where=held_out.root,
            do=f"The labelled ones have: {', '.join(names[1])}.",
        )


def hold_out(labeled: Dataset, seed: int) -> tuple[Dataset, Dataset]:
    """Sets a share of the labelled images aside for validation; groups stay together."""
    images = labeled.images
    if len(images) < FEWEST_TO_HOLD_OUT:
        return labeled, labeled.subset([])
    groups = sorted({image.group for image in images if image.group is not None})
    whole_groups = len(groups) >= 5 and all(image.group is not None for image in images)
    keys = [image.group for image in images] if whole_groups else list(range(len(images)))
    names = sorted(set(keys), key=str)
    wanted = max(round(HELD_OUT * len(images)), 1)
    chosen: set[str | int | None] = set()
    for position in np.random.default_rng(seed).permutation(len(names)):
        if sum(key in chosen for key in keys) >= wanted:
            break
        chosen.add(names[position])
    kept = [image for image, key in zip(images, keys, strict=True) if key not in chosen]
    held = [image for image, key in zip(images, keys, strict=True) if key in chosen]
    return labeled.subset(kept), labeled.subset(held)


def _is_video(part: str | Path | Dataset) -> bool:
    return not isinstance(part, Dataset) and is_video(part)


def _videos(labeled: Dataset, unlabeled: Sequence[str | Path | Dataset]) -> dict[Path, bool]:
    """Every video once, and whether it was named; the others merely belong to the data."""
    named = [Path(part) for part in unlabeled if not isinstance(part, Dataset) and is_video(part)]
    return {
        **{video.resolve(): False for video in labeled.videos},
        **{video.resolve(): True for video in named},
    }


def _frames(
    videos: dict[Path, bool], problems: list[str], *, seed: int, strict: bool, quiet: bool
) -> list[Dataset]:
    """Varied frames of each video; one that cannot be read becomes a problem if nobody named it."""
    if not videos:
        return []
    from pointillist.video_sampling import video_dataset  # PyAV is only needed for videos

    parts = []
    with counted("choosing frames of videos", len(videos), quiet) as progress:
        for done, (video, named) in enumerate(videos.items(), start=1):
            try:
                part = video_dataset([video], FRAMES_OF_A_VIDEO, seed=seed)
            except PointillistError as error:
                if named or strict:
                    raise
                problems.append(str(error))
            else:
                problems += part.problems
                parts.append(part)
            if progress is not None:
                progress(done, len(videos))
    return parts


def _open(
    data: str | Path | Dataset, format: str | None = None, images: str | Path | None = None
) -> Dataset:
    if not isinstance(data, Dataset):
        return open_dataset(data, format, images=images)
    return data if images is None else find_images(data, images)


def _open_parts(
    data: str | Path | Dataset, format: str | None, images: str | Path | None
) -> dict[str, Dataset]:
    """A split folder gives its parts; anything else is the labelled part."""
    if not isinstance(data, Dataset) and format is None:
        folder = Path(data)
        if (folder / "labeled.json").is_file():
            files = {name: folder / f"{name}.json" for name in PARTS}
            return {n: _open(file, "coco", images) for n, file in files.items() if file.is_file()}
    return {"labeled": _open(data, format, images)}


def _bare(part: Dataset) -> Dataset:
    """Without labels, and with absolute paths, so that parts from several places can be joined."""
    images: list[Image] = []
    for image in part.images:
        bare = image.without_labels()
        bare.path = str(part.file(image).resolve())
        images.append(bare)
    return part.subset(images)
