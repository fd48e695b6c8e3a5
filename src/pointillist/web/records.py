"""Instances as the page and the journal see them: JSON, checked at the door.

A point is ``[x, y, 2]`` (visible), ``[x, y, 1]`` (hidden), ``"absent"`` (a person decided that
there is none) or ``null`` (nobody decided yet).
"""

from __future__ import annotations

import hashlib
import json
from typing import Annotated, Any, Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from pointillist.dataset import Instance

Number = Annotated[float, Field(ge=-1e6, le=1e6, allow_inf_nan=False)]
Size = Annotated[float, Field(ge=0, le=1e6, allow_inf_nan=False)]
BoxRecord = tuple[Number, Number, Size, Size]
PointRecord = tuple[Number, Number, Literal[1, 2]] | Literal["absent"] | None

#: Decimals that points are kept to: finer than a screen pixel at any zoom of the page.
DECIMALS = 3


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Extra(_Model):
    """What the page does not show but must not lose."""

    head_box: BoxRecord | None = None
    area: Size | None = None
    track: str | None = None
    category: str | None = None
    crowd: bool = False


class InstanceRecord(_Model):
    """One object; see :class:`pointillist.dataset.Instance` for what the fields mean."""

    id: int | None = None
    points: list[PointRecord]
    box: BoxRecord | None = None
    box_from_points: bool = False
    extra: Extra = Extra()


def to_record(instance: Instance) -> dict[str, Any]:
    """An instance as JSON."""
    points: list[Any] = [None] * len(instance.visibility)
    for i, seen in enumerate(instance.visibility):
        if seen:
            x, y = (round(float(v), DECIMALS) for v in instance.points[i])
            points[i] = [x, y, int(seen)]
        elif instance.absent is not None and instance.absent[i]:
            points[i] = "absent"
    extra = Extra(
        head_box=instance.head_box,
        area=_own_area(instance),
        track=instance.track,
        category=instance.category,
        crowd=instance.crowd,
    )
    box = instance.box
    return {
        "id": instance.id,
        "points": points,
        "box": None if box is None else [round(float(v), DECIMALS) for v in box],
        "box_from_points": instance.box_from_points,
        "extra": extra.model_dump(mode="json", exclude_defaults=True),
    }


def _own_area(instance: Instance) -> float | None:
    """The area, unless it is merely the box's: that one must follow the box when it changes."""
    box = instance.reference_box()
    if instance.area is None or box is None:
        return instance.area
    return None if abs(instance.area - box[2] * box[3]) < 0.01 else instance.area


def from_record(record: InstanceRecord) -> Instance:
    """The instance that a record describes; a box made of points follows its points."""
    points = np.full((len(record.points), 2), np.nan)
    visibility = np.zeros(len(record.points), dtype=np.int8)
    for i, point in enumerate(record.points):
        if isinstance(point, tuple):
            points[i] = [round(v, DECIMALS) for v in point[:2]]
            visibility[i] = point[2]
    absent = np.array([point == "absent" for point in record.points], dtype=bool)
    instance = Instance(
        points=points,
        visibility=visibility,
        box=record.box,
        box_from_points=record.box_from_points,
        absent=absent if absent.any() else None,
        id=record.id,
        **record.extra.model_dump(),
    )
    if instance.box_from_points:
        instance.box = instance.extent()
        instance.box_from_points = instance.box is not None
    return instance


def revision_of(records: list[dict[str, Any]]) -> str:
    """A short name of an image's state: equal states have equal names, others never."""
    text = json.dumps(records, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:20]


def status_of(instances: list[Instance]) -> Literal["none", "some", "done"]:
    """Whether nothing, something or everything in an image is decided; crowds do not count."""
    decided = [instance.decided for instance in instances if not instance.crowd]
    if not any(d.any() for d in decided):
        return "none"
    return "done" if all(d.all() for d in decided) else "some"
