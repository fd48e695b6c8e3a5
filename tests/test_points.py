"""The way from crops to points in files, with a network that answers what it sees."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor

from core_cases import SKELETON, batch_of, dot_image
from pointillist.augment import ViewMaker
from pointillist.crops import CropSpec
from pointillist.geometry import transform_points
from pointillist.heatmaps import decode
from pointillist.models.heads import LocalizerOutput
from pointillist.points import COPIES, CropPoints, points_in_file, predict_heatmaps
from pointillist.skeleton import Skeleton
from seeing import COLORS, SeeingNetwork, three_dots

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
    image, points = three_dots(file, box, spec)
    batch, to_crop = batch_of(image, box, spec, points)
    view = maker(network).plain(batch)
    order = maker(network).order(view.images.device) if flip else None
    heatmaps = predict_heatmaps(network, view.images, order)
    found, confidence = points_in_file(
        batch, view, heatmaps, stride=network.stride, decoding="dark"
    )
    error = (found[0].numpy() - points) * np.diag(to_crop)[:2]  # in pixels of the view
    assert np.abs(error).max() < 0.3
    assert (confidence > 0.8).all()
    # What is predicted with, and exported, gives the same from bare pixels.
    model = CropPoints(network, SKELETON, decoding="dark", flip=flip)
    in_crop, sure = model(batch.images.permute(0, 2, 3, 1))
    torch.testing.assert_close(transform_points(batch.to_file, in_crop), found, rtol=0, atol=0.02)
    torch.testing.assert_close(sure, confidence, rtol=0, atol=1e-4)


def test_the_mirror_image_is_put_right_again() -> None:
    """A network that sees nothing in the mirror image: the mean has half of each peak."""
    network = SeeingNetwork()
    spec = CropSpec(*SIZE, 1.3)
    image, points = three_dots((150, 90), None, spec)
    view = maker(network).plain(batch_of(image, None, spec, points)[0])
    order = maker(network).order(view.images.device)
    straight = predict_heatmaps(network, view.images, None)
    both = predict_heatmaps(network, view.images, order)
    torch.testing.assert_close(both, straight, rtol=0, atol=1e-4)

    class HalfBlind(SeeingNetwork):
        def forward(self, images: Tensor) -> LocalizerOutput:
            output = super().forward(images)
            output.heatmaps[len(images) // 2 :] = 0
            return output

    half = predict_heatmaps(HalfBlind(), view.images, order)
    torch.testing.assert_close(half, straight / 2, rtol=0, atol=1e-4)
    # Without the exchange of left and right each of them would have two half peaks.
    wrong = predict_heatmaps(network, view.images, torch.arange(3))
    assert (wrong - straight).abs().max() > 0.4


@pytest.mark.parametrize("flip", [False, True])
def test_copies_come_back_to_their_place(flip: bool) -> None:
    """Three dots, seen turned and magnified, are found where they are."""
    network = SeeingNetwork()
    image, points = three_dots((150, 90), None, CropSpec(*SIZE, 1.3))
    batch, to_crop = batch_of(image, None, CropSpec(*SIZE, 1.3), points)
    view = maker(network).plain(batch)
    order = maker(network).order(view.images.device) if flip else None
    heatmaps = predict_heatmaps(network, view.images, order, COPIES)
    assert heatmaps.shape == predict_heatmaps(network, view.images, order).shape
    found, _ = points_in_file(batch, view, heatmaps, stride=network.stride, decoding="dark")
    assert np.abs((found[0].numpy() - points) * np.diag(to_crop)[:2]).max() < 0.7  # view's pixels


@pytest.mark.parametrize("place", [(0.97, 0.5), (0.5, 0.03), (0.05, 0.94)])
def test_a_copy_that_does_not_show_a_place_has_no_say_there(place: tuple[float, float]) -> None:
    """Magnified, the edge of an image lies outside the copy; whole images have points there."""
    network = SeeingNetwork()
    points = np.array([[30.0, 30.0], [60.0, 30.0], [96.0 * place[0], 64.0 * place[1]]])
    image = dot_image(*SIZE, [(a, b) for a, b in points], 5.0, COLORS)
    images = maker(network).plain(batch_of(image, None, CropSpec(*SIZE, 1.0), points)[0]).images
    single, copies = (
        decode(predict_heatmaps(network, images, None, c)[:, 2:], "dark") for c in ((), COPIES)
    )
    apart = (single[0] - copies[0]).norm() * network.stride
    assert apart < 2
    # Divided by all three copies, a peak that one of them shows would have a third of its height.
    assert copies[1] > 0.6 * single[1]


def test_without_pairs_nothing_is_mirrored() -> None:
    network = SeeingNetwork()
    pairless = Skeleton(SKELETON.keypoints)
    assert CropPoints(network, pairless, decoding="dark", flip=True).flip_order is None
    assert CropPoints(network, SKELETON, decoding="dark", flip=False).flip_order is None
    mirrored = CropPoints(network, SKELETON, decoding="dark", flip=True)
    assert mirrored.flip_order is not None
    assert mirrored.flip_order.tolist() == [1, 0, 2]
