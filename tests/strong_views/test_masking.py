"""Masks land on the joints, pixel by pixel, on images that are not square."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from pointillist.strong_views import (
    allot_masks,
    blank,
    choose_joints,
    cutout,
    joint_cutout,
    random_halves,
    rectangles,
    relative_responses,
)

WIDTH, HEIGHT = 20, 32


@given(seed=st.integers(0, 10**6), count=st.integers(0, 8))
def test_joints_are_drawn_once_and_only_from_the_candidates(seed: int, count: int) -> None:
    torch.manual_seed(seed)
    candidates = torch.rand(5, 6) < 0.6
    chosen = choose_joints(candidates, count)
    assert not (chosen & ~candidates).any()
    expected = candidates.sum(dim=1).clamp_max(count)
    assert torch.equal(chosen.sum(dim=1), expected)


def test_each_image_can_have_its_own_number() -> None:
    chosen = choose_joints(torch.ones(3, 6, dtype=torch.bool), torch.tensor([0, 2, 6]))
    assert chosen.sum(dim=1).tolist() == [0, 2, 6]


def test_every_joint_is_drawn_equally_often() -> None:
    torch.manual_seed(0)
    drawn = choose_joints(torch.ones(6000, 4, dtype=torch.bool), 1).float().mean(dim=0)
    # The deviation of a share of 1/4 over 6000 draws is 0.0056.
    torch.testing.assert_close(drawn, torch.full((4,), 0.25), atol=0.025, rtol=0)


def test_a_rectangle_covers_its_own_pixels_and_no_others() -> None:
    """x before y, on a portrait image: a joint low in the image, where 20 is the width."""
    points = torch.tensor([[[5.0, 28.0], [torch.nan, torch.nan]], [[19.5, 3.0], [10.0, 16.0]]])
    half = torch.tensor([[[2.0, 1.0], [3.0, 3.0]], [[2.0, 2.0], [0.0, 0.0]]])
    mask = rectangles(points, half, (WIDTH, HEIGHT))
    expected = torch.zeros(2, HEIGHT, WIDTH, dtype=torch.bool)
    expected[0, 27:29, 3:7] = True  # 28 +- 1 down, 5 +- 2 across
    # Centres from 18.5 on are closer than 2 px to 19.5; what is beyond the edge is cut off.
    expected[1, 1:5, 18:20] = True
    assert torch.equal(mask, expected)


@given(x=st.floats(0, WIDTH), y=st.floats(0, HEIGHT), seed=st.integers(0, 10**6))
def test_without_jitter_a_joint_is_under_its_mask(x: float, y: float, seed: int) -> None:
    torch.manual_seed(seed)
    points = torch.tensor([[[x, y], [WIDTH / 2, HEIGHT / 2]]])
    chosen = torch.tensor([[True, False]])
    mask = joint_cutout(points, chosen, (WIDTH, HEIGHT), shares=(0.05, 0.2), jitter=0.0)[0]
    column, row = min(int(x), WIDTH - 1), min(int(y), HEIGHT - 1)
    assert mask[row, column]
    rows, columns = torch.nonzero(mask, as_tuple=True)
    # Half sides are at most 0.2 of the shorter side, 4 px.
    assert ((columns + 0.5 - x).abs() < 4).all()
    assert ((rows + 0.5 - y).abs() < 4).all()


def test_jitter_moves_the_masks_about_the_joints() -> None:
    torch.manual_seed(0)
    points = torch.tensor([[[50.0, 100.0]]]).expand(800, 1, 2)
    chosen = torch.ones(800, 1, dtype=torch.bool)
    mask = joint_cutout(points, chosen, (100, 200), shares=(0.05, 0.05), jitter=0.04)
    rows, columns = (axis + 0.5 for axis in torch.nonzero(mask, as_tuple=True)[1:])
    # The masks are 10 px wide (variance 100 / 12) and jitter adds 4 px squared.
    for at, middle in ((columns, 50), (rows, 100)):
        assert at.mean().item() == pytest.approx(middle, abs=0.5)
        assert at.var().item() == pytest.approx(100 / 12 + 16, rel=0.15)


def test_sizes_are_shares_of_the_shorter_side() -> None:
    torch.manual_seed(0)
    half = random_halves((200, 3), (WIDTH, HEIGHT), (0.1, 0.3))
    assert half.shape == (200, 3, 2)
    assert half.min() >= 2
    assert half.max() <= 6
    assert half.min() < 2.1
    assert half.max() > 5.9
    assert not torch.equal(half[..., 0], half[..., 1])


def test_cutout_makes_holes_all_over_the_image() -> None:
    torch.manual_seed(0)
    mask = cutout(400, 2, (WIDTH, HEIGHT), shares=(0.1, 0.1))
    assert mask.shape == (400, HEIGHT, WIDTH)
    share = mask.float().mean(dim=0)
    # Two holes of 4 x 4 pixels; in the middle they never reach an edge.
    inner = share[4:-4, 4:-4].mean().item()
    assert inner == pytest.approx(2 * 16 / (WIDTH * HEIGHT), rel=0.1)
    assert (share > 0).all()


def test_blank_pixels_have_the_mean_colour() -> None:
    images = torch.ones(1, 3, 2, 4)
    mask = torch.zeros(1, 2, 4, dtype=torch.bool)
    mask[0, 1, 3] = True
    covered = blank(images, mask)
    assert covered[0, :, 1, 3].tolist() == [0, 0, 0]
    assert covered.sum() == 3 * 7
    assert images.sum() == 24  # the view itself stays


def test_relative_responses() -> None:
    responses = torch.tensor([[0.2, 0.6, 1.0], [0.3, 0.3, 0.3]])
    expected = torch.tensor([[0.0, 0.5, 1.0], [1.0, 1.0, 1.0]])
    torch.testing.assert_close(relative_responses(responses), expected)


def test_masks_by_the_share_of_easy_joints() -> None:
    responses = torch.tensor(
        [
            [0.9, 0.9, 0.9, 0.1],  # 3 of 4 are easy: 0.75 * 6 = 4.5, rounded to even
            [0.9, 0.1, 0.1, 0.1],  # 1 of 4: 1.5, rounded to even
            [0.5, 0.5, 0.5, 0.5],  # none is below the others: all of them
            [0.15, 0.15, 0.15, 0.01],  # as the first, but there is nothing the teacher knows
            [0.6, 0.5, 0.2, 0.2],  # 0.75 of the range is above 0.5, 0.0 below: 2 of 4: 3
            [0.2, 0.2, 0.2, 0.2],  # all are as high, and none is above what is hopeless
        ]
    )
    count = allot_masks(responses, threshold=0.5, fewest=1, most=6, hopeless=0.2)
    assert count.tolist() == [4, 2, 6, 1, 3, 1]


def test_never_fewer_masks_than_the_fewest() -> None:
    responses = torch.tensor([[0.9, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1]])
    count = allot_masks(responses, threshold=0.5, fewest=2, most=5, hopeless=0.0)
    assert count.tolist() == [2]  # a tenth of 5 is 0.5
