"""What the other points of an object say of where a point lies."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
import torch

from pointillist.config import InputOptions
from pointillist.errors import DataError
from pointillist.heatmaps import decode, encode
from pointillist.pose_prior import LabeledPoses, weighed
from pointillist.skeleton import Skeleton

NAN = float("nan")
#: Heatmaps that are not square, so that width and height cannot be mixed up.
SIZE = (24, 16)
OPTIONS = InputOptions(width=96, height=64, sigma=1.0)
TWO, ONE = Skeleton(("a", "b")), Skeleton(("a",))
PAIR = Skeleton(("left", "right", "middle"), flip_pairs=((0, 1),))


def known(*poses: list[list[float]]) -> LabeledPoses:
    """Of poses in heatmap pixels."""
    return LabeledPoses(np.array(poses, dtype=float) / SIZE)


def gaussians(*points: tuple[float, float]) -> torch.Tensor:
    """(1, 1, H, W), the highest of some Gaussians at each pixel."""
    return encode(torch.tensor([points]), SIZE, 1.0).amax(dim=1, keepdim=True)


def test_of_two_places_the_one_that_fits_the_other_point_is_taken() -> None:
    # The second point lies 6 to the right and 3 below; the network holds that for a bit less
    # likely than 6 to the left and 3 above.
    second = torch.maximum(0.7 * gaussians((18.5, 11.5)), gaussians((6.5, 5.5)))
    heatmaps = torch.cat([gaussians((12.5, 8.5)), second], dim=1)
    poses = known([[3.0, 3.0], [9.0, 6.0]], [[8.0, 4.0], [14.0, 7.0]])
    points, confidence = decode(weighed(heatmaps, poses.densities(TWO, OPTIONS)), "argmax")
    assert points[0].tolist() == [[12.5, 8.5], [18.5, 11.5]]
    # As high as the network's heatmap is there.
    assert confidence[0].tolist() == pytest.approx([1.0, 0.7])
    assert decode(heatmaps, "argmax")[0][0, 1].tolist() == [6.5, 5.5]


def test_a_density_is_that_of_the_offsets() -> None:
    """In that of a point that may lie anywhere: of two poses half of each kernel's height."""
    poses = known([[3.0, 3.0], [9.0, 6.0]], [[8.0, 9.0], [4.0, 8.0]])
    density = poses.densities(TWO, OPTIONS)
    assert density.shape == (2, 2, 31, 47)
    highest = 24 * 16 / (2 * math.pi * 1.5**2)
    # (6, 3) and (-4, -1) of the second as seen from the first, which is at column 23 of row 15.
    assert density[0, 1, 15 + 3, 23 + 6].item() == pytest.approx(highest / 2, rel=1e-3)
    assert density[0, 1, 15 - 1, 23 - 4].item() == pytest.approx(highest / 2, rel=1e-3)
    assert density[1, 0, 15 - 3, 23 - 6].item() == pytest.approx(highest / 2, rel=1e-3)
    assert density[0, 1, 15, 23 + 6] / density[0, 1, 18, 23 + 6] == pytest.approx(
        math.exp(-(3**2) / (2 * 1.5**2)), rel=1e-3
    )


def test_what_a_point_says_depends_on_how_sure_the_network_is_of_it() -> None:
    """By hand at every pixel: h (a + (1 - a) d)^0.5, with a = 1 - 0.9 times its peak."""
    torch.manual_seed(0)
    heatmaps = torch.cat([0.6 * gaussians((10.5, 5.5)), torch.rand(1, 1, 16, 24) + 0.01], dim=1)
    density = known([[10.0, 9.0], [14.0, 7.0]]).densities(TWO, OPTIONS)
    rows, columns = torch.meshgrid(torch.arange(16), torch.arange(24), indexing="ij")
    seen = density[0, 1, 15 + rows - 5, 23 + columns - 10]
    anywhere = 1 - 0.9 * 0.6
    expected = heatmaps[0, 1] * (anywhere + (1 - anywhere) * seen) ** 0.5
    found = weighed(heatmaps, density)[0, 1]
    assert torch.allclose(found / found.max(), expected / expected.max(), atol=1e-5)


def test_a_mirror_image_gets_the_mirrored_answer() -> None:
    torch.manual_seed(0)
    poses = LabeledPoses(torch.rand(5, 3, 2).double().numpy())
    density, order = poses.densities(PAIR, OPTIONS), [1, 0, 2]
    heatmaps = torch.rand(2, 3, 16, 24)
    mirrored = weighed(heatmaps.flip(-1)[:, order], density).flip(-1)[:, order]
    assert torch.allclose(mirrored, weighed(heatmaps, density), atol=1e-5)


def test_points_that_were_never_known_together_say_nothing() -> None:
    poses = known([[5.0, 5.0], [NAN, NAN]], [[NAN, NAN], [9.0, 9.0]])
    heatmaps = torch.cat([gaussians((8.5, 8.5)), gaussians((12.5, 4.5))], dim=1)
    found = weighed(heatmaps, poses.densities(TWO, OPTIONS))
    assert torch.allclose(found, heatmaps, atol=1e-4)
    assert found.dtype == torch.float32


@pytest.mark.parametrize("shares", [np.zeros((0, 2, 2)), np.full((3, 2, 2), NAN)])
def test_without_poses_heatmaps_stay(shares: np.ndarray) -> None:
    heatmaps = torch.cat([gaussians((8.5, 8.5)), gaussians((12.5, 4.5))], dim=1)
    poses = LabeledPoses(shares)
    found = weighed(heatmaps, poses.densities(TWO, OPTIONS))
    assert torch.allclose(found, heatmaps, atol=1e-4)
    assert poses.information(TWO, OPTIONS) == 0


def test_a_single_point_has_no_others() -> None:
    poses = known([[5.0, 5.0]], [[6.0, 5.0]])
    heatmaps = gaussians((8.5, 8.5))
    assert torch.equal(weighed(heatmaps, poses.densities(ONE, OPTIONS)), heatmaps)
    assert poses.information(ONE, OPTIONS) == 0


def test_poses_that_are_alike_inform_and_others_do_not() -> None:
    # Both offsets are met exactly: 0.9 * 24 * 16 / (2 pi 1.5^2) + 0.1.
    alike = known([[5.0, 5.0], [9.0, 6.0]], [[7.0, 8.0], [11.0, 9.0]])
    assert alike.information(TWO, OPTIONS) == pytest.approx(
        math.log(0.9 * 24 * 16 / (2 * math.pi * 2.25) + 0.1), rel=1e-4
    )
    # Offsets of (4, 1) and (-10, 8) are nowhere near one another: what is left is 0.1.
    unlike = known([[5.0, 5.0], [9.0, 6.0]], [[17.0, 2.0], [7.0, 10.0]])
    assert unlike.information(TWO, OPTIONS) == pytest.approx(math.log(0.1), rel=1e-3)
    # A single pose has no other to say anything of it.
    alone = known([[5.0, 5.0], [9.0, 6.0]])
    assert alone.information(TWO, OPTIONS) == pytest.approx(math.log(0.1))


def test_a_pose_says_nothing_of_its_own_mirror_image() -> None:
    """Or symmetrical objects would seem to inform however few they are."""
    sides = Skeleton(("left", "right"), flip_pairs=((0, 1),))
    alone = known([[8.0, 5.0], [16.0, 5.0]])  # its own mirror image
    assert alone.information(sides, OPTIONS) == pytest.approx(math.log(0.1))


def test_densities_that_would_be_too_large_are_none() -> None:
    names = Skeleton(tuple(f"p{i}" for i in range(33)))
    large = InputOptions(width=256, height=256, sigma=2.0)
    poses = LabeledPoses(np.full((2, 33, 2), 0.5))
    assert poses.information(names, large) == 0
    assert poses.information(names, OPTIONS) > 0


def test_they_are_kept_in_a_file(tmp_path: Path) -> None:
    poses = known([[5.0, 5.0], [NAN, NAN]], [[7.0, 8.0], [11.0, 9.0]])
    poses.save(tmp_path / "poses.json")
    again = LabeledPoses.open(tmp_path / "poses.json")
    assert np.allclose(again.shares, poses.shares, atol=1e-5, equal_nan=True)
    for wrong in ("{}", '{"shares": [1, 2]}', '{"shares": "many"}', "[]"):
        (tmp_path / "poses.json").write_text(wrong, encoding="utf-8")
        with pytest.raises(DataError, match="no labelled poses"):
            LabeledPoses.open(tmp_path / "poses.json")
