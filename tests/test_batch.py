from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import torch

from core_cases import batch_of
from pointillist import geometry
from pointillist.batch import Batch, move_points, pixels_from_file, shrunk
from pointillist.crops import CropSpec


def small_batch() -> Batch:
    spec = CropSpec(32, 16, margin=1.0, context=1.5)
    points = np.array([[10.0, 5.0], [math.nan, math.nan], [20.0, 8.0]])
    # A file of 40x12 cropped at (4, 0, 32, 12): the crop of 48x24 shows x -4..44, y -6..18.
    return batch_of(np.full((12, 40, 3), 200, np.uint8), (4, 0, 32, 12), spec, points)[0]


def test_size_selection_and_moving() -> None:
    batch = small_batch()
    assert batch.size == (48, 24)
    assert len(batch) == 1
    assert len(batch.select(torch.tensor([False]))) == 0
    twice = batch.select(torch.tensor([0, 0]))
    assert len(twice) == 2
    assert torch.equal(twice.points[1], twice.points[0]) is False  # NaN is not NaN
    assert torch.equal(twice.annotated[1], batch.annotated[0])
    meta = batch.to("meta")
    assert {meta.images.device.type, meta.index.device.type} == {"meta"}
    assert batch.images.device.type == "cpu"


def test_points_follow_and_sides_are_exchanged_where_flipped() -> None:
    points = torch.tensor([[[1.0, 2.0], [7.0, 3.0], [4.0, 5.0]]]).expand(2, 3, 2)
    annotated = torch.tensor([[True, False, True]]).expand(2, 3)
    flipped = torch.tensor([True, False])
    order = torch.tensor([1, 0, 2])
    transform = geometry.mirror(8, flipped)
    moved, counted = move_points(points, annotated, transform, flipped, order, (8, 6))
    # Mirrored x are 7, 1, 4; then the first two change places, with their annotation.
    assert moved[0].tolist() == [[1.0, 3.0], [7.0, 2.0], [4.0, 5.0]]
    assert counted[0].tolist() == [False, True, True]
    assert torch.equal(moved[1], points[1])
    assert torch.equal(counted[1], annotated[1])


def test_points_outside_the_view_do_not_count() -> None:
    points = torch.tensor([[[7.9, 1.0], [8.1, 1.0], [1.0, -0.1], [math.nan, math.nan]]])
    annotated = torch.tensor([[True, True, True, False]])
    never = torch.tensor([False])
    order = torch.arange(4)
    _, counted = move_points(points, annotated, geometry.identity(1), never, order, (8, 6))
    assert counted.tolist() == [[True, False, False, False]]


def test_pixels_that_show_the_file() -> None:
    batch = small_batch()
    view = (32, 16)
    # The middle of the crop: 8 to the left and 4 above are cut off. It shows the file's x 4..36
    # and y -2..14, of which -2..0 and 12..14 are padding.
    transform = geometry.translation(torch.tensor([-8.0]), torch.tensor([-4.0]))
    mask = pixels_from_file(batch, transform, view, 1)[0]
    assert mask.shape == (16, 32)
    assert not mask[:2].any()
    assert mask[2:14].all()
    assert not mask[14:].any()
    # At stride 2 the rows of the map have their centres at y = 1, 3, ... 15 of the view.
    coarse = pixels_from_file(batch, transform, view, 2)[0]
    assert coarse.shape == (8, 16)
    assert coarse[:, 0].tolist() == [False, *[True] * 6, False]


def test_pixels_beyond_the_crop_are_not_the_files_even_where_the_file_goes_on() -> None:
    image = np.full((200, 200, 3), 200, np.uint8)
    spec = CropSpec(32, 32, margin=1.0)
    batch, _ = batch_of(image, (50, 50, 32, 32), spec, np.full((1, 2), 60.0))
    shifted = geometry.translation(torch.tensor([8.0]), torch.tensor([0.0]))
    mask = pixels_from_file(batch, shifted, (32, 32), 1)[0]
    assert not mask[:, :8].any()
    assert mask[:, 8:].all()


def test_masks_are_the_same_under_autocast() -> None:
    batch = small_batch()
    transform = geometry.about(geometry.rotation(torch.tensor([0.4])), 16, 8)
    plain = pixels_from_file(batch, transform, (32, 16), 1)
    with torch.autocast("cpu", torch.bfloat16):
        assert torch.equal(pixels_from_file(batch, transform, (32, 16), 1), plain)


def test_in_half_the_pixels_a_batch_shows_the_same() -> None:
    batch = small_batch()
    small = shrunk(batch, (24, 12))
    assert small.size == (24, 12)
    assert small.images.dtype == torch.uint8
    assert torch.equal(torch.isnan(small.points), torch.isnan(batch.points))
    assert torch.allclose(small.points[0, 0], batch.points[0, 0] / 2)
    assert torch.allclose(small.points[0, 2], batch.points[0, 2] / 2)
    # The same place in the file.
    in_file = geometry.transform_points(small.to_file, small.points)
    known = geometry.transform_points(batch.to_file, batch.points)
    assert torch.allclose(in_file, known, equal_nan=True, atol=1e-5)
    # The crop is fill above and below the file, which is grey.
    assert small.images[0, 0, 6, 12] == 200
    assert small.images[0, 0, 0, 12] == batch.images[0, 0, 0, 24]


def test_a_batch_is_shrunk_by_averages_and_in_place() -> None:
    """A stripe of one pixel in three leaves a third of its brightness; a bright dot stays put."""
    batch = replace(small_batch(), images=torch.zeros(1, 3, 24, 48, dtype=torch.uint8))
    batch.images[..., 1::3] = 240
    mean = shrunk(batch, (16, 8)).images[..., 2:-2].float().mean()
    assert abs(float(mean) - 80) < 4
    dot = replace(batch, images=torch.zeros_like(batch.images))
    dot.images[..., 6:9, 30:33] = 255  # its middle is (31.5, 7.5), a third of which is (10.5, 2.5)
    small = shrunk(dot, (16, 8)).images[0, 0].float()
    assert small.flatten().argmax() == 2 * 16 + 10
    x = (small.sum(dim=0) * (torch.arange(16) + 0.5)).sum() / small.sum()
    y = (small.sum(dim=1) * (torch.arange(8) + 0.5)).sum() / small.sum()
    assert abs(float(x) - 10.5) < 0.02
    assert abs(float(y) - 2.5) < 0.02
    assert shrunk(dot, dot.size) is dot
