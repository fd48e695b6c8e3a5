from pathlib import Path

import numpy as np
import pytest

from pointillist.dataset import Dataset, Image, Instance
from pointillist.errors import DataError
from pointillist.report.pictures import (
    LONGEST,
    around,
    contact_sheet,
    enlarge,
    examples,
    side_by_side,
)
from pointillist.skeleton import Skeleton

SKELETON = Skeleton(("a", "b"), edges=((0, 1),))


def at(x, y, **more):
    return Instance(np.array([(x, y), (x + 20, y + 10)], float), np.array([2, 2]), **more)


def data(*images):
    return Dataset(
        SKELETON,
        [Image(f"pics/{i}.png", 100, 80, list(instances)) for i, instances in enumerate(images)],
        Path(),
    )


def grey(dataset, image):
    return np.full((image.height, image.width, 3), 128, np.uint8)


TRUTH = data([at(10, 10)], [at(10, 10)], [at(10, 10)], [at(10, 10)])
# Off by 4, 0 and 2 px of a box of 20 px; the last one is missed.
GUESS = data([at(14, 10)], [at(10, 10)], [at(12, 10)], [])


def test_examples_go_from_the_best_to_the_missed():
    pictures, problems = examples(TRUTH, GUESS, read=grey, paired=True)
    assert problems == []
    assert [picture.caption for picture in pictures] == [
        "1.png: mean error 0.0 % of the box",
        "2.png: mean error 10.0 % of the box",
        "0.png: mean error 20.0 % of the box",
        "3.png: missed",
    ]
    for picture in pictures:
        assert picture.image.dtype == np.uint8
        assert max(picture.image.shape) == LONGEST
        assert (picture.image != 128).any()


def test_side_by_side_shows_each_instance_once_for_every_network():
    # Errors of the other network: 0, 8 and 2 px. The means are 2, 4 and 2: 0 and 2 come first.
    truth = data([at(10, 10)], [at(40, 30)], [at(10, 10)])
    one = data([at(14, 10)], [at(40, 30)], [at(12, 10)])
    other = data([at(10, 10)], [at(48, 30)], [at(12, 10)])
    seen = []

    def read(dataset, image):
        seen.append(image.path)
        return grey(dataset, image)

    pictures = side_by_side(truth, [one, other], read=read, count=3)
    assert seen == ["pics/0.png", "pics/2.png", "pics/1.png"]
    assert len(pictures) == 6
    assert not np.array_equal(pictures[0], pictures[1])  # predictions differ
    assert np.array_equal(pictures[2], pictures[3])  # here they are the same


def test_fewer_examples_are_spread_over_the_ranks():
    pictures, _ = examples(TRUTH, GUESS, read=grey, paired=True, count=2)
    assert [picture.caption[:5] for picture in pictures] == ["1.png", "3.png"]


def test_what_cannot_be_read_is_named():
    def read(dataset, image):
        if image.path == "pics/2.png":
            raise DataError("the file is gone", where=image.path)
        return grey(dataset, image)

    pictures, problems = examples(TRUTH, GUESS, read=read, paired=True)
    assert len(pictures) == 3
    assert problems == ["pics/2.png: the file is gone"]


def test_video_frames_are_named():
    truth = Dataset(SKELETON, [Image("v.mp4", 100, 80, [at(5, 5)], frame=7)], Path())
    pictures, _ = examples(truth, truth, read=grey, paired=True)
    assert pictures[0].caption == "v.mp4, frame 7: mean error 0.0 % of the box"


def test_around_an_instance():
    # Box of 20 x 10 at (50, 40): a square of 30 about (60, 45).
    assert around(at(0, 0, box=(50, 40, 20, 10)), 100, 100) == (45, 30, 30, 30)
    assert around(at(0, 0), 100, 100) == (0, 0, 25, 20)  # cut off at the image's edge
    lone = Instance(np.array([(5.0, 5.0), (0, 0)]), np.array([2, 0]))
    assert around(lone, 100, 80) == (0, 0, 100, 80)
    outside = around(at(500, 500), 100, 80)
    assert outside[0] < 100
    assert outside[2] >= 1


def test_enlarged_points_stay_on_what_they_mark():
    image = np.zeros((40, 60, 3), np.uint8)
    image[20, 30] = 255  # its centre is (30.5, 20.5)
    mark = Instance(np.array([(30.5, 20.5), (0, 0)]), np.array([2, 0]), box=(0, 0, 9, 9))
    picture, (moved,) = enlarge(image, [mark], (10, 10, 40, 20), longest=400)
    assert picture.shape == (200, 400, 3)
    weight = picture[..., 0].astype(float)
    y, x = np.mgrid[:200, :400] + 0.5
    found = np.array([(weight * x).sum(), (weight * y).sum()]) / weight.sum()
    np.testing.assert_allclose(moved.points[0], found, atol=0.5)
    np.testing.assert_allclose(moved.points[0], (205, 105))
    assert moved.box is None
    assert mark.box is not None


def test_a_contact_sheet_holds_every_picture():
    red, green = np.zeros((10, 30, 3), np.uint8), np.zeros((40, 20, 3), np.uint8)
    red[..., 0], green[..., 1] = 255, 255
    sheet = contact_sheet([red, green, red], 2, cell=60)
    assert sheet.shape == (2 * 68 + 8, 2 * 68 + 8, 3)
    is_red = (sheet == (255, 0, 0)).all(axis=2)
    is_green = (sheet == (0, 255, 0)).all(axis=2)
    assert is_red.sum() == 2 * 60 * 20
    assert is_green.sum() == 60 * 30
    assert is_red[8:68, 8:68].sum() == is_red[76:136, 8:68].sum() == 60 * 20
    assert is_green[8:68, 76:136].all(axis=0).sum() == 30


def test_titles_stand_over_the_columns():
    pictures = [np.zeros((30, 30, 3), np.uint8)] * 2
    plain = contact_sheet(pictures, 2, cell=60)
    titled = contact_sheet(pictures, 2, cell=60, titles=["früh", "β"])
    assert titled.shape[0] > plain.shape[0]
    head = titled[: titled.shape[0] - 68]
    assert (head[:, :68] < 128).any()
    assert (head[:, 76:] < 128).any()


def test_a_sheet_of_nothing_is_refused():
    with pytest.raises(ValueError, match="at least one"):
        contact_sheet([], 2)
