"""Patches are copied exactly, and lie where they should, on images that are not square."""

from __future__ import annotations

import torch

from pointillist.strong_views import paste

WIDTH, HEIGHT = 20, 12


def numbered(count: int = 1) -> torch.Tensor:
    """Images whose pixels all differ, so that each says where it came from."""
    image = torch.arange(float(HEIGHT * WIDTH)).view(1, 1, HEIGHT, WIDTH)
    return (image + 1000 * torch.arange(count).view(-1, 1, 1, 1)).expand(count, 3, -1, -1)


def test_a_patch_is_copied_pixel_by_pixel() -> None:
    images, source = torch.full((1, 3, HEIGHT, WIDTH), -1.0), numbered()
    at, origin = torch.tensor([[[15.0, 4.0]]]), torch.tensor([[[5.0, 8.0]]])
    half = torch.tensor([[[3.0, 2.0]]])
    pasted = paste(images, source, at, origin, half)
    expected = images.clone()
    # Columns 12 to 17 and rows 2 to 5 show what was at columns 2 to 7 and rows 6 to 9.
    expected[:, :, 2:6, 12:18] = source[:, :, 6:10, 2:8]
    assert torch.equal(pasted, expected)
    assert (images == -1).all()


def test_each_image_has_its_own_places_and_later_patches_lie_on_top() -> None:
    images, source = torch.zeros(2, 3, HEIGHT, WIDTH), numbered(2)
    at = torch.tensor([[[4.0, 4.0], [4.0, 4.0]], [[10.0, 6.0], [0.0, 0.0]]])
    origin = torch.tensor([[[4.0, 4.0], [10.0, 6.0]], [[10.0, 6.0], [5.0, 5.0]]])
    half = torch.tensor([[[2.0, 2.0], [1.0, 1.0]], [[1.0, 1.0], [0.0, 0.0]]])
    pasted = paste(images, source, at, origin, half)
    expected = images.clone()
    expected[0, :, 2:6, 2:6] = source[0, :, 2:6, 2:6]
    expected[0, :, 3:5, 3:5] = source[0, :, 5:7, 9:11]
    expected[1, :, 5:7, 9:11] = source[1, :, 5:7, 9:11]
    assert torch.equal(pasted, expected)


def test_a_patch_beyond_the_source_is_cut_off() -> None:
    images, source = torch.full((1, 3, HEIGHT, WIDTH), -1.0), numbered()
    at, origin = torch.tensor([[[10.0, 6.0]]]), torch.tensor([[[0.0, 0.0]]])
    pasted = paste(images, source, at, origin, torch.tensor([[[2.0, 2.0]]]))
    expected = images.clone()
    # Of the patch around the corner, a quarter exists.
    expected[:, :, 6:8, 10:12] = source[:, :, :2, :2]
    assert torch.equal(pasted, expected)


def test_unknown_places_are_left_alone() -> None:
    images, source = torch.full((1, 3, HEIGHT, WIDTH), -1.0), numbered()
    nowhere = torch.full((1, 1, 2), torch.nan)
    here, half = torch.tensor([[[10.0, 6.0]]]), torch.tensor([[[2.0, 2.0]]])
    assert torch.equal(paste(images, source, nowhere, here, half), images)
