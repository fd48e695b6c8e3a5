"""The original MPII file: structs in structs, empty fields, text where numbers belong."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.io import savemat

from pointillist.dataset import HIDDEN, NOT_ANNOTATED, VISIBLE
from pointillist.errors import DataError
from pointillist.formats import open_dataset

EMPTY = np.zeros((0, 0))


def struct_array(*entries: dict[str, Any]) -> np.ndarray:
    """A MATLAB struct array (1, n), as scipy writes one."""
    keys = list(entries[0])
    array = np.empty((1, len(entries)), dtype=[(key, object) for key in keys])
    for i, entry in enumerate(entries):
        array[0, i] = tuple(entry[key] for key in keys)
    return array


def joint(number: Any, x: Any, y: Any, visible: Any) -> dict[str, Any]:
    return {"x": x, "y": y, "id": number, "is_visible": visible}


FULL = {
    "x1": 10,
    "y1": 20,
    "x2": 40,
    "y2": 60,
    "annopoints": {
        "point": struct_array(
            joint(0, 5, 6.5, 1), joint(6, 7, 8, "0"), joint(9, 9, 10, EMPTY), joint(8, 1, 2, "1")
        )
    },
    "scale": 0.5,
    "objpos": {"x": 50, "y": 60},
}
#: A person of whom only the place is known, as in all test images.
BARE = dict.fromkeys(FULL, EMPTY) | {"scale": 0.5, "objpos": {"x": 50, "y": 60}}


def image(name: str, annorect: Any, video: Any = 3) -> dict[str, Any]:
    return {
        "image": {"name": name},
        "annorect": annorect,
        "frame_sec": 12,
        "vididx": video,
    }


def save(folder: Path, *images: dict[str, Any]) -> Path:
    """Writes RELEASE with the fields that the real file has."""
    file = folder / "mpii_human_pose_v1_u12_1.mat"
    cells = np.empty((len(images), 1), dtype=object)
    cells[:] = [[EMPTY]]
    release = {
        "annolist": struct_array(*images),
        "img_train": np.ones((1, len(images))),
        "version": "12",
        "single_person": cells,
    }
    savemat(file, {"RELEASE": release})
    return file


def test_joints_boxes_heads_and_videos(tmp_path: Path) -> None:
    file = save(
        tmp_path,
        image("a.jpg", struct_array(FULL, BARE)),
        image("b.jpg", struct_array(BARE), video=EMPTY),
        image("c.jpg", EMPTY),
    )
    dataset = open_dataset(file)
    first, second, third = dataset
    assert [(i.path, i.group, i.id) for i in dataset] == [
        ("a.jpg", "3", 1),
        ("b.jpg", None, 2),
        ("c.jpg", "3", 3),
    ]
    (person,) = first.instances
    expected = np.full(16, NOT_ANNOTATED)
    expected[[0, 6, 8, 9]] = VISIBLE, HIDDEN, VISIBLE, VISIBLE
    np.testing.assert_array_equal(person.visibility, expected)
    np.testing.assert_array_equal(person.points[[0, 6]], [(4.5, 6.0), (6.5, 7.5)])
    assert person.head_box == (9.5, 19.5, 30, 40)
    assert person.box == (-0.5, 9.5, 100, 100)
    assert first.boxes == second.boxes == [(-0.5, 9.5, 100, 100)]
    assert (third.instances, third.boxes) == ([], [])
    assert "no image was found (such as a.jpg)" in dataset.problems[0]


def test_one_image_with_one_person_with_one_joint(tmp_path: Path) -> None:
    """MATLAB drops the dimensions of such a file, and so does scipy."""
    person = FULL | {"annopoints": {"point": struct_array(joint(15, 3, 4, 1))}, "objpos": EMPTY}
    dataset = open_dataset(save(tmp_path, image("a.jpg", struct_array(person))))
    (instance,) = dataset[0].instances
    np.testing.assert_array_equal(instance.points[15], (2.5, 3.5))
    # Without a place its box is the joints' extent.
    assert (instance.box, instance.box_from_points) == ((2.5, 3.5, 0, 0), True)


@pytest.mark.parametrize(
    ("joints", "message"),
    [
        ([joint(16, 1, 1, 1)], r"annolist 1, annorect 1: a joint has the id 16"),
        ([joint(EMPTY, 1, 1, 1)], "annorect 1: a joint has the id None"),
        ([joint(2, 1, 1, 1), joint(2, 1, 1, 1)], r"joint 2 \('right_hip'\) is there twice"),
        ([joint(2, np.nan, 1, 1)], r"keypoint 'right_hip' is annotated at \(nan, 1\)"),
        ([joint(2, EMPTY, 1, 1)], r"keypoint 'right_hip' is annotated at \(nan, 1\)"),
        ([joint(2, "x", 1, 1)], "annorect 1: 'x' is no number"),
    ],
)
def test_broken_joints_are_named(
    tmp_path: Path, joints: list[dict[str, Any]], message: str
) -> None:
    person = FULL | {"annopoints": {"point": struct_array(*joints)}}
    with pytest.raises(DataError, match=message):
        open_dataset(save(tmp_path, image("a.jpg", struct_array(person))))


def test_other_mat_files_are_refused(tmp_path: Path) -> None:
    file = tmp_path / "other.mat"
    savemat(file, {"x": 1})
    with pytest.raises(DataError, match="there is no variable 'RELEASE'"):
        open_dataset(file)
    savemat(file, {"RELEASE": {"version": 1}})
    with pytest.raises(DataError, match=r"'RELEASE\.annolist' is missing or empty"):
        open_dataset(file)
    with pytest.raises(DataError, match="annolist 1: the entry has no image name"):
        open_dataset(save(tmp_path, image("", EMPTY)))
