"""The default method: nothing to choose."""

from __future__ import annotations

from typing import ClassVar

from pointillist.methods.base import MethodOptions
from pointillist.methods.mean_teacher import MeanTeacher, MeanTeacherOptions


class AutoOptions(MeanTeacherOptions):
    """Options of the default method; nobody needs to know them."""


class Auto(MeanTeacher):
    """What has measurably helped of all that is here: ``docs/findings.md`` has the figures.

    First the labels alone; then the averaged network labels easy views of the other images and
    the network learns them in hard ones, where the teacher is sure enough
    (:class:`~pointillist.methods.mean_teacher.MeanTeacher`). Without unlabelled images it is
    supervised training. Two things are not the method's but the training's, and are planned for
    it from what there is (:func:`pointillist.planning.planned`): how many steps, and a prediction
    that averages over turned and scaled copies.
    """

    name: ClassVar[str] = "auto"
    Options: ClassVar[type[MethodOptions]] = AutoOptions
    options: AutoOptions
