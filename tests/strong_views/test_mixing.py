"""Mixup and CutMix of images and of what belongs to them."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from pointillist.strong_views import cutmix, mask_on_map, mixup, mixup_shares, partners


@given(count=st.integers(2, 40), seed=st.integers(0, 10**6))
def test_everybody_has_one_partner_who_is_another(count: int, seed: int) -> None:
    torch.manual_seed(seed)
    partner = partners(count)
    assert sorted(partner.tolist()) == list(range(count))
    assert (partner != torch.arange(count)).all()


def test_a_single_image_has_no_other() -> None:
    assert partners(1).tolist() == [0]


@pytest.mark.parametrize("alpha", [0.2, 0.5, 1.0, 4.0])
def test_shares_are_from_a_beta_distribution(alpha: float) -> None:
    torch.manual_seed(0)
    share = mixup_shares(20000, alpha)
    assert (share >= 0).all()
    assert (share <= 1).all()
    assert share.mean().item() == pytest.approx(0.5, abs=0.01)
    # The variance of Beta(a, a) is 1 / (4 (2 a + 1)).
    assert share.var().item() == pytest.approx(1 / (4 * (2 * alpha + 1)), rel=0.03)


@pytest.mark.parametrize("shape", [(2, 3, 4, 5), (2, 7), (2, 3, 2, 6)])
def test_mixup_weighs_each_image_by_its_own_share(shape: tuple[int, ...]) -> None:
    first, second = torch.ones(shape), torch.full(shape, 3.0)
    mixed = mixup(first, second, torch.tensor([1.0, 0.25]))
    assert (mixed[0] == 1).all()
    assert (mixed[1] == 0.25 * 1 + 0.75 * 3).all()


def test_cutmix_takes_the_second_where_the_mask_is_set() -> None:
    first, second = torch.zeros(1, 2, 2, 3), torch.ones(1, 2, 2, 3)
    mask = torch.tensor([[[True, False, False], [False, False, True]]])
    assert torch.equal(cutmix(first, second, mask)[0, 1], mask[0].float())


def test_a_mask_on_heatmaps_is_where_most_of_its_pixels_are() -> None:
    mask = torch.zeros(1, 8, 12, dtype=torch.bool)
    mask[0, :4, 2:9] = (
        True  # half of the first map pixel, all of the second, a quarter of the third
    )
    assert mask_on_map(mask, 4)[0].tolist() == [[True, True, False], [False, False, False]]
