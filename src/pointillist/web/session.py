"""What one server serves: a project, or a folder that becomes one."""

from __future__ import annotations

import contextlib
import secrets
import threading
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from pointillist.dataset import Dataset
from pointillist.errors import DataError
from pointillist.lock import FolderLock
from pointillist.skeleton import Skeleton
from pointillist.web.jobs import Rounds
from pointillist.web.predictions import Predictions, confidence_of, error_of
from pointillist.web.project import ANNOTATIONS, Project
from pointillist.web.records import status_of
from pointillist.web.start import gather, make_skeleton, scan

LOCK = ".lock"

#: The columns of the list of images, in the order in which a row has them.
COLUMNS = ("id", "name", "status", "instances", "confidence", "error", "rank", "why", "video")


class Session:
    """An open project, or the start of one.

    Args:
        folder: the project's folder; it is made if it is not there.
        images: more images, videos or a data set to take in.
        keypoints: names, for a new project; none: the page asks.

    Raises:
        DataError: the project is open elsewhere, there is nothing to label, or a file is broken.
    """

    def __init__(
        self,
        folder: Path,
        images: Path | None = None,
        keypoints: Sequence[str] | None = None,
    ) -> None:
        self.folder = Path(folder).absolute()
        if self.folder.is_file():
            raise DataError(
                "a project is a folder",
                where=self.folder,
                do="To label what a file describes, name a new folder and give it with --images.",
            )
        self.id = secrets.token_hex(4)
        self.predictions = Predictions()
        self._project: Project | None = None
        self._rounds: Rounds | None = None
        self._found: Dataset | None = None
        self._rows: dict[int, list[Any]] = {}
        self._rows_lock = threading.Lock()
        made = not self.folder.exists()
        self.folder.mkdir(parents=True, exist_ok=True)
        self.lock = FolderLock(
            self.folder / LOCK,
            busy="this project is already open",
            do="Use that page, or stop that server first.",
        )
        try:
            self._open(images, keypoints)
        except BaseException:
            self.lock.release()
            if made:  # a mistyped name must not leave a folder behind
                with contextlib.suppress(OSError):
                    (self.folder / LOCK).unlink()
                    self.folder.rmdir()
            raise

    def _open(self, images: Path | None, keypoints: Sequence[str] | None) -> None:
        if (self.folder / ANNOTATIONS).exists():
            project = Project(self.folder)
            self._serve(project)
            if images is not None:
                project.add_images(gather(images))
            elif any(not i.path.startswith("../") for i in project.dataset):
                # New photographs put beside the old ones belong to the project.
                with contextlib.suppress(DataError):  # nothing lies there: they are elsewhere
                    project.add_images(scan(self.folder))
            return
        self._found = gather(images if images is not None else self.folder)
        if keypoints is not None:
            self.create(make_skeleton(keypoints))
        elif self._found.skeleton is not None:
            self.create(self._found.skeleton)

    def create(self, skeleton: Skeleton) -> None:
        """Starts the project with the images that were found.

        Raises:
            DataError: there is a project already.
        """
        with self._rows_lock:
            if self._found is None or self._project is not None:
                raise DataError("this project was started already", where=self.folder)
            found = self._found
            if found.skeleton is not None and found.skeleton.keypoints != skeleton.keypoints:
                found = replace(
                    found, skeleton=None, images=[image.without_labels() for image in found]
                )
            self._serve(Project.create(self.folder, replace(found, skeleton=skeleton)))

    def _serve(self, project: Project) -> None:
        self._rounds = Rounds(project)
        self._project = project

    @property
    def started(self) -> bool:
        """Whether there is a project yet, or only images without keypoints."""
        return self._project is not None

    @property
    def project(self) -> Project:
        """The project.

        Raises:
            LookupError: it is not started yet.
        """
        if self._project is None:
            raise LookupError("the project is not started yet: it has no keypoints")
        return self._project

    @property
    def rounds(self) -> Rounds:
        """The project's trainings."""
        if self._rounds is None:
            raise LookupError("the project is not started yet: it has no keypoints")
        return self._rounds

    def describe(self) -> dict[str, Any]:
        """What the page needs to know first."""
        if self._project is None:
            assert self._found is not None, "a session without project has found images"
            names = [image.path for image in self._found.images[:12]]
            return {"started": False, "folder": self.folder.name, "images": len(self._found),
                    "examples": names}  # fmt: skip
        skeleton = self.project.skeleton
        return {
            "started": True,
            "session": self.id,
            "folder": self.folder.name,
            "skeleton": {
                "name": skeleton.name,
                "keypoints": skeleton.keypoints,
                "edges": skeleton.edges,
                "flip_pairs": skeleton.flip_pairs,
            },
            "problems": [*self.project.problems, *self.predictions.problems],
        }

    def overview(self) -> dict[str, Any]:
        """All images, one row each."""
        self._refresh()
        sequence = self.project.sequence
        numbers = [image.id for image in self.project.dataset]
        rows = [self._row(number) for number in numbers if number is not None]
        return {"columns": COLUMNS, "rows": rows, **self._versions(sequence)}

    def changes(self, since: int) -> dict[str, Any]:
        """The rows of the images that were changed after a sequence number."""
        self._refresh()
        sequence = self.project.sequence
        changed = [n for n, at in list(self.project.changed.items()) if at > since]
        return {
            "rows": [self._row(number) for number in changed],
            "problems": [*self.project.problems, *self.predictions.problems],
            "job": self.rounds.status(),
            **self._versions(sequence),
        }

    def fresh_row(self, number: int) -> list[Any]:
        """The row of an image that was just changed, made anew."""
        self._rows.pop(number, None)
        return self._row(number)

    def close(self) -> None:
        """Stops what is running, brings the annotations up to date, lets the next one in."""
        if self._rounds is not None:
            self._rounds.close()
        if self._project is not None:
            self._project.close()
        self.lock.release()

    def _versions(self, sequence: int) -> dict[str, Any]:
        return {"sequence": sequence, "predictions": self.predictions.version, "session": self.id}

    def _refresh(self) -> None:
        with self._rows_lock:
            if self.predictions.refresh(self.project):
                self._rows.clear()

    def _row(self, number: int) -> list[Any]:
        row = self._rows.get(number)
        if row is None:
            image = self.project.image(number)
            labels, predicted = image.instances, self.predictions.of(number)
            rank, why = self.predictions.suggested.get(number, (None, ""))
            name = image.path if image.frame is None else f"{image.path} #{image.frame}"
            row = [
                number,
                name,
                status_of(labels),
                len(labels),
                _short(confidence_of(predicted)),
                _short(error_of(labels, predicted)) if labels and predicted else None,
                rank,
                why,
                image.frame is not None,
            ]
            self._rows[number] = row
        return row


def _short(value: float | None) -> float | None:
    return None if value is None else round(value, 4)
