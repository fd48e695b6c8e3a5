"""What the other points of an object say of where a point lies."""

from __future__ import annotations

import math

import pytest
import torch

from pointillist.heatmaps import decode, encode
from pointillist.pose_prior import PosePrior

NAN = float("nan")
#: Not square, so that width and height cannot be mixed up.
SIZE = (24, 16)


def prior(poses: list[list[list[float]]], order: list[int] | None = None) -> PosePrior:
    """Of poses in heatmap pixels."""
    shares = torch.tensor(poses) / torch.tensor(SIZE)
    mirror = None if order is None else torch.tensor(order)
    return PosePrior(shares, mirror, SIZE, sigma=1.0)


def gaussians(*points: tuple[float, float]) -> torch.Tensor:
    """(1, 1, H, W), the highest of some Gaussians at each pixel."""
    return encode(torch.tensor([points]), SIZE, 1.0).amax(dim=1, keepdim=True)


def test_of_two_places_the_one_that_fits_the_other_point_is_taken() -> None:
    # The second point lies 6 to the right and 3 below; the network holds that for a bit less
    # likely than 6 to the left and 3 above.
    heatmaps = torch.cat(
        [
            gaussians((12.5, 8.5)),
            torch.maximum(0.7 * gaussians((18.5, 11.5)), gaussians((6.5, 5.5))),
        ],
        dim=1,
    )
    known = prior([[[3.0, 3.0], [9.0, 6.0]], [[8.0, 4.0], [14.0, 7.0]]])
    found = known.weighed(heatmaps)
    points, confidence = decode(found, "argmax")
    assert points[0].tolist() == [[12.5, 8.5], [18.5, 11.5]]
    # As high as the network's heatmap is there.
    assert confidence[0].tolist() == pytest.approx([1.0, 0.7])
    points, _ = decode(heatmaps, "argmax")
    assert points[0, 1].tolist() == [6.5, 5.5]


def test_what_others_say_is_the_sum_over_all_places() -> None:
    """Against the sum itself: log h_j(x) + 0.4 log(0.1 + 0.9 N sum_y p_i(y) d(x - y))."""
    torch.manual_seed(0)
    heatmaps = torch.rand(1, 2, SIZE[1], SIZE[0]).double() + 0.01
    offset = torch.tensor([4.0, -2.0])
    known = prior([[[10.0, 9.0], [14.0, 7.0]]])
    area, deviation = SIZE[0] * SIZE[1], 1.5
    places = heatmaps[0, 0] ** 4 / (heatmaps[0, 0] ** 4).sum()
    ys, xs = torch.meshgrid(torch.arange(SIZE[1]), torch.arange(SIZE[0]), indexing="ij")
    wide_y, wide_x = torch.meshgrid(
        torch.arange(1 - SIZE[1], SIZE[1]), torch.arange(1 - SIZE[0], SIZE[0]), indexing="ij"
    )

    def kernel(dx: torch.Tensor, dy: torch.Tensor) -> torch.Tensor:
        return torch.exp(-((dx - offset[0]) ** 2 + (dy - offset[1]) ** 2) / (2 * deviation**2))

    whole = kernel(wide_x, wide_y).sum()
    expected = torch.empty(SIZE[1], SIZE[0]).double()
    for y in range(SIZE[1]):
        for x in range(SIZE[0]):
            said = (places * kernel(x - xs, y - ys) / whole).sum() * area
            expected[y, x] = heatmaps[0, 1, y, x] * (0.9 * said + 0.1) ** 0.4
    found = known.weighed(heatmaps.float())[0, 1].double()
    assert torch.allclose(found / found.max(), expected / expected.max(), atol=1e-4)


def test_a_mirror_image_gets_the_mirrored_answer() -> None:
    torch.manual_seed(0)
    poses = (torch.rand(5, 3, 2) * torch.tensor(SIZE)).tolist()
    order = [1, 0, 2]
    known = prior(poses, order)
    heatmaps = torch.rand(2, 3, SIZE[1], SIZE[0])
    mirrored = known.weighed(heatmaps.flip(-1)[:, order]).flip(-1)[:, order]
    assert torch.allclose(mirrored, known.weighed(heatmaps), atol=1e-4)


def test_points_that_were_never_known_together_say_nothing() -> None:
    known = prior([[[5.0, 5.0], [NAN, NAN]], [[NAN, NAN], [9.0, 9.0]]])
    heatmaps = torch.cat([gaussians((8.5, 8.5)), gaussians((12.5, 4.5))], dim=1)
    assert torch.allclose(known.weighed(heatmaps), heatmaps, atol=1e-4)


@pytest.mark.parametrize("poses", [torch.zeros(0, 2, 2), torch.full((3, 2, 2), NAN)])
def test_without_poses_heatmaps_stay(poses: torch.Tensor) -> None:
    heatmaps = torch.cat([gaussians((8.5, 8.5)), gaussians((12.5, 4.5))], dim=1)
    known = PosePrior(poses, torch.tensor([1, 0]), SIZE, 1.0)
    assert torch.allclose(known.weighed(heatmaps), heatmaps, atol=1e-4)
    assert known.information() == 0


def test_a_single_point_has_no_others() -> None:
    known = prior([[[5.0, 5.0]]])
    heatmaps = gaussians((8.5, 8.5))
    assert torch.equal(known.weighed(heatmaps), heatmaps)
    assert known.information() == 0


def test_poses_that_are_alike_inform_and_others_do_not() -> None:
    # Both offsets are met exactly: 0.9 * 24 * 16 / (2 pi 1.5^2) + 0.1.
    alike = prior([[[5.0, 5.0], [9.0, 6.0]], [[7.0, 8.0], [11.0, 9.0]]])
    assert alike.information() == pytest.approx(
        math.log(0.9 * 24 * 16 / (2 * math.pi * 2.25) + 0.1), rel=1e-4
    )
    # Offsets of (4, 1) and (-10, 8) are nowhere near one another: what is left is 0.1.
    unlike = prior([[[5.0, 5.0], [9.0, 6.0]], [[17.0, 2.0], [7.0, 10.0]]])
    assert unlike.information() == pytest.approx(math.log(0.1), rel=1e-3)
    # A single pose has no other to say anything of it.
    assert prior([[[5.0, 5.0], [9.0, 6.0]]]).information() == pytest.approx(math.log(0.1))


def test_a_pose_says_nothing_of_its_own_mirror_image() -> None:
    """Or symmetrical objects would seem to inform however few they are."""
    alone = prior([[[8.0, 5.0], [16.0, 5.0]]], order=[1, 0])  # its own mirror image
    assert alone.information() == pytest.approx(math.log(0.1))


def test_of_very_many_poses_some_are_looked_at() -> None:
    torch.manual_seed(0)
    many = PosePrior(torch.rand(100_000, 4, 2), None, SIZE, 1.0)
    assert math.isfinite(many.information())
    assert many.weighed(torch.rand(1, 4, 16, 24)).shape == (1, 4, 16, 24)
