"""The way from crops to points in files, with a network that answers what it sees."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor

from core_cases import SKELETON, batch_of
from pointillist.augment import ViewMaker
from pointillist.crops import CropSpec
from pointillist.points import predict_heatmaps, predict_points
from seeing import SeeingNetwork, two_dots

SIZE = (96, 64)


def maker(network: SeeingNetwork) -> ViewMaker:
    return ViewMaker(SIZE, SKELETON, network.mean, network.std)


@pytest.mark.parametrize("flip", [False, True])
@pytest.mark.parametrize(
    ("file", "box"),
    [((150, 90), None), ((70, 130), None), ((200, 160), (30.0, 40.0, 110.0, 50.0))],
)
def test_points_are_in_the_files_pixels(
    file: tuple[int, int], box: tuple[float, float, float, float] | None, flip: bool
) -> None:
    network = SeeingNetwork()
    spec = CropSpec(*SIZE, 1.3)
    image, points = two_dots(file, box, spec)
    batch, to_crop = batch_of(image, box, spec, points)
    found, confidence = predict_points(
        network,
        maker(network),
        batch,
        decoding="dark",
        flip=flip,  # type: ignore[arg-type]
    )
    error = (found[0].numpy() - points) * np.diag(to_crop)[:2]  # in pixels of the view
    assert np.abs(error).max() < 0.3
    assert (confidence > 0.8).all()


def test_the_mirror_image_is_put_right_again() -> None:
    """A network whose mirror image is wrong: the mean has half of each, in the right place."""
    network = SeeingNetwork()
    spec = CropSpec(*SIZE, 1.3)
    image, points = two_dots((150, 90), None, spec)
    view = maker(network).plain(batch_of(image, None, spec, points)[0])
    order = torch.from_numpy(SKELETON.flip_order)
    straight = predict_heatmaps(network, view.images, None)  # type: ignore[arg-type]
    both = predict_heatmaps(network, view.images, order)  # type: ignore[arg-type]
    torch.testing.assert_close(both, straight, rtol=0, atol=1e-4)

    class HalfBlind(SeeingNetwork):
        def forward(self, images: Tensor) -> object:
            output = super().forward(images)
            output.heatmaps[len(images) // 2 :] = 0
            return output

    half = predict_heatmaps(HalfBlind(), view.images, order)  # type: ignore[arg-type]
    torch.testing.assert_close(half, straight / 2, rtol=0, atol=1e-4)
