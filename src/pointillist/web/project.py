"""A labelling project: a folder with annotations, their journal, predictions and trainings.

``annotations.json`` (COCO) is what everybody reads; ``annotations.journal`` holds the changes
that are not in it yet; ``predictions.json`` (COCO with confidence) and ``suggestions.json`` are
shown where they are there; ``runs/`` holds one folder per round of training.
"""

from __future__ import annotations

import hashlib
import threading
from dataclasses import replace
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from pointillist.dataset import Dataset, Image, Instance
from pointillist.errors import DataError
from pointillist.files import whole_file
from pointillist.formats import open_dataset, save_dataset
from pointillist.formats.locate import names_from
from pointillist.identity import keys_of
from pointillist.web.journal import Entry, Journal, read_journal
from pointillist.web.records import (
    InstanceRecord,
    from_record,
    revision_of,
    to_record,
)

ANNOTATIONS = "annotations.json"
JOURNAL = "annotations.journal"

#: Seconds without a change after which the journal is folded into the annotation file.
QUIET = 5.0


class ConflictError(Exception):
    """The image was changed since the state that a change was based on.

    Args:
        current: revision and instances as they are now.
    """

    def __init__(self, current: dict[str, Any]) -> None:
        super().__init__("the image was changed by somebody else")
        self.current = current


class Project:
    """An open project; every change is on disk when :meth:`save` returns.

    Args:
        folder: the project's folder, with an ``annotations.json``.

    Raises:
        DataError: the annotations cannot be read.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = Path(folder)
        self.annotations = self.folder / ANNOTATIONS
        # What lacks here is work that is not done yet, whatever the tool means that it came from.
        opened = open_dataset(self.annotations, "coco")
        self.dataset = replace(opened, missing_absent=False)
        if self.dataset.skeleton is None:
            raise DataError("the annotations name no keypoints", where=self.annotations)
        self.skeleton = self.dataset.skeleton
        self.problems: list[str] = list(self.dataset.problems)
        self.sequence = 0
        self.changed: dict[int, int] = {}
        self._lock = threading.Lock()
        self._folding = threading.Lock()
        self._numbered()
        self._replay()
        self._journal = Journal(self.folder / JOURNAL)
        self._wake = threading.Event()
        self._closed = False
        if self._unfolded:
            self.fold()
        self._thread = threading.Thread(target=self._fold_when_quiet, daemon=True)
        self._thread.start()

    @classmethod
    def create(cls, folder: Path, dataset: Dataset) -> Project:
        """Starts a project with the images, skeleton and labels of a data set.

        Args:
            folder: where; images keep their place, the project refers to them.
            dataset: must have a skeleton. Points that lack in it are undecided here.
        """
        annotations = Path(folder) / ANNOTATIONS
        if annotations.exists():
            raise DataError("there is a project already", where=annotations)
        begun = replace(rooted(dataset, annotations.parent), missing_absent=False)
        save_dataset(_numbered(begun), annotations, "coco")
        return cls(folder)

    def add_images(self, images: Dataset) -> int:
        """Adds the images that are not in the project yet, with their labels; returns how many."""
        known = set(keys_of(self.dataset.root, self.dataset))
        if images.skeleton is not None and images.skeleton.keypoints != self.skeleton.keypoints:
            images = images.subset([image.without_labels() for image in images])
        images = rooted(images, self.dataset.root)
        new = [
            replace(image, id=None)
            for key, image in zip(keys_of(images.root, images), images, strict=True)
            if key not in known
        ]
        if new:
            self.dataset.images.extend(new)
            self._numbered()
            self._unfolded = True
            self.fold()
        return len(new)

    def image(self, number: int) -> Image:
        """An image by its identifier.

        Raises:
            KeyError: there is none.
        """
        return self.dataset.images[self._position[number]]

    def state(self, number: int) -> dict[str, Any]:
        """Revision and instances of an image."""
        records = [to_record(instance) for instance in self.image(number).instances]
        return {"revision": revision_of(records), "instances": records}

    def save(
        self, number: int, base: str, instances: list[InstanceRecord], author: str
    ) -> dict[str, Any]:
        """Takes over a new state of an image; it is on disk when this returns.

        Args:
            number: identifier of the image.
            base: revision that the change started from.
            instances: the whole new state.
            author: which tab of which browser.

        Returns:
            the new revision and the instances as they were taken over, with their identifiers.

        Raises:
            KeyError: there is no such image.
            ConflictError: ``base`` is not the present revision.
            DataError: wrong number of points, or the disk would not take it.
        """
        for record in instances:
            if len(record.points) != len(self.skeleton):
                raise DataError(
                    f"{len(record.points)} points where the skeleton has {len(self.skeleton)}"
                )
        with self._lock:
            image = self.image(number)
            current = self.state(number)
            if base != current["revision"]:
                raise ConflictError(current)
            new = [self._identified(from_record(record), number) for record in instances]
            records = [to_record(instance) for instance in new]
            revision = revision_of(records)
            state = {"revision": revision, "instances": records}
            if revision == base:
                return state
            now = datetime.now(timezone.utc).isoformat(timespec="milliseconds")
            self._journal.append(Entry(image.path, image.frame, revision, records, author, now))
            self._set(number, new)
            self._unfolded = True
            self.sequence += 1
            self.changed[number] = self.sequence
        self._wake.set()
        return state

    def fold(self) -> None:
        """Brings ``annotations.json`` up to date, whole or not at all, and clears the journal."""
        with self._folding:
            with self._lock:
                if not self._unfolded:
                    return
                # States are replaced, never altered: a copy of the list is a snapshot.
                snapshot = self.dataset.subset(self.dataset.images)
                sequence = self.sequence
            with whole_file(self.annotations) as temporary:
                save_dataset(snapshot, temporary, "coco")
                digest = _digest(temporary)
                with self._lock:
                    # Entries after the snapshot are not in the file: the mark would claim them.
                    marked = sequence == self.sequence
                    if marked:
                        self._journal.mark_fold(digest or "")
            with self._lock:
                if marked and sequence == self.sequence:
                    self._journal.clear()
                    self._unfolded = False

    def close(self) -> None:
        """Folds what is not folded and lets go of the files."""
        self._closed = True
        self._wake.set()
        self._thread.join()
        self.fold()
        self._journal.close()

    def _numbered(self) -> None:
        self.dataset = _numbered(self.dataset)
        self._position = {image.id: i for i, image in enumerate(self.dataset)}
        self._owner: dict[int, int | None] = {}
        self._next_id = 1
        instances = [(image, instance) for image in self.dataset for instance in image.instances]
        for image, instance in sorted(instances, key=lambda pair: pair[1].id is None):
            # The file's own identifiers first; the rest get what is free.
            if instance.id in self._owner:
                instance.id = None
            self._identified(instance, image.id)

    def _identified(self, instance: Instance, number: int | None) -> Instance:
        """The instance with an identifier that is its own: a copy must not keep the original's."""
        if instance.id is None or self._owner.get(instance.id, number) != number:
            instance.id, self._next_id = self._next_id, self._next_id + 1
        self._owner[instance.id] = number
        self._next_id = max(self._next_id, instance.id + 1)
        return instance

    def _set(self, number: int, instances: list[Instance]) -> None:
        position = self._position[number]
        self.dataset.images[position] = replace(self.dataset.images[position], instances=instances)

    def _replay(self) -> None:
        path = self.folder / JOURNAL
        entries, problems = read_journal(path, _digest(self.annotations))
        numbers = {(image.path, image.frame): image.id for image in self.dataset}
        for row, entry in enumerate(entries, 1):
            number = numbers.get((entry.image, entry.frame))
            try:
                if number is None:
                    raise DataError(f"'{entry.image}' is not in {ANNOTATIONS} any more")
                records = [InstanceRecord.model_validate(i) for i in entry.instances]
                if any(len(record.points) != len(self.skeleton) for record in records):
                    raise DataError("it has another number of keypoints")
                self._set(number, [self._identified(from_record(r), number) for r in records])
            except (DataError, ValueError) as error:
                problems.append(f"{path.name}: change {row} cannot be applied: {error}")
        self._unfolded = bool(entries)
        if problems:
            kept = _spare(path)
            kept.write_bytes(path.read_bytes())
            problems.append(f"The journal with these changes is kept as {kept.name}.")
            self._unfolded = True
        self.problems.extend(problems)

    def _fold_when_quiet(self) -> None:
        while not self._closed:
            self._wake.wait()
            self._wake.clear()
            while not self._closed and self._wake.wait(QUIET):
                self._wake.clear()
            try:
                self.fold()
            except (DataError, OSError) as error:
                # The changes are safe in the journal; the next change tries again.
                self.problems.append(f"{ANNOTATIONS} could not be brought up to date: {error}")


def rooted(dataset: Dataset, root: Path) -> Dataset:
    """The same images with their paths as an annotation file in ``root`` would name them."""
    names = names_from(dataset, root)
    images = [replace(image, path=name) for image, name in zip(dataset, names, strict=True)]
    return replace(dataset, images=images, root=root)


def _numbered(dataset: Dataset) -> Dataset:
    """The same data set with an identifier on every image that lacks one or shares it."""
    used: set[int] = set()
    following = max((image.id for image in dataset if image.id is not None), default=0) + 1
    images = []
    for image in dataset:
        if image.id is None or image.id in used:
            image = replace(image, id=following)
            following += 1
        used.add(image.id)  # type: ignore[arg-type]
        images.append(image)
    return replace(dataset, images=images)


def _digest(path: Path) -> str | None:
    return hashlib.sha256(path.read_bytes()).hexdigest() if path.exists() else None


def _spare(path: Path) -> Path:
    number = 1
    while (spare := path.with_name(f"{path.name}.damaged-{number}")).exists():
        number += 1
    return spare
