"""ELT: the points of a moved image, moved back."""

from __future__ import annotations

import pytest
import torch
from test_methods import SIZE, build, make_batch

from pointillist import geometry
from pointillist.heatmaps import encode
from pointillist.methods import equivariant_landmarks
from pointillist.methods.equivariant_landmarks import EquivariantLandmarks
from pointillist.models.heads import LocalizerOutput
from pointillist.synthetic import SKELETON


def ready(**options: object) -> EquivariantLandmarks:
    method = build("equivariant_landmarks", **options)
    assert isinstance(method, EquivariantLandmarks)
    return method


@pytest.mark.parametrize("off", [0.0, 8.0])
def test_the_error_is_in_shares_of_the_maps_width(
    monkeypatch: pytest.MonkeyPatch, off: float
) -> None:
    """A network whose points follow the image, or are 8 pixels (2 of the map) beside."""
    method = ready(equivariance=1.0, temperature=0.01)
    # Twice as large, and so that all points lie in the middle of a pixel of the map.
    given = torch.tensor([[2.0, 0, -34], [0, 2, -18], [0, 0, 1]]).expand(6, 3, 3)
    monkeypatch.setattr(equivariant_landmarks, "random_perspective", lambda *_: given)
    points = torch.tensor([30.0, 22.0]).expand(6, len(SKELETON), 2)
    # 8 pixels to the right in the image, wherever that is in the moved one.
    beside = geometry.transform_points(given, points + torch.tensor([off, 0.0]))
    size = (SIZE[0] // 4, SIZE[1] // 4)
    heatmaps = encode(torch.cat([points, beside]) / 4, size, 1.5)
    monkeypatch.setattr(method.model, "forward", lambda _: LocalizerOutput(heatmaps, heatmaps))
    error = method(make_batch())["equivariance"].item()
    assert error == pytest.approx((off / 4 / size[0]) ** 2, abs=1e-5)


def test_at_first_there_are_labels_alone() -> None:
    method = ready(burn_in=0.5, ramp=0.2)
    seen: list[int] = []
    method.model.register_forward_pre_hook(lambda _, inputs: seen.append(len(inputs[0])))
    assert set(method(make_batch())) == {"supervised"}
    method.progress = 0.7
    assert set(method(make_batch())) == {"supervised", "equivariance"}
    assert seen == [3, 12]


def test_unlabelled_crops_teach_the_network() -> None:
    method = ready(supervised=0.0)
    method(make_batch())["equivariance"].backward()
    weights = method.model.backbone.parameters()
    assert any(p.grad is not None and p.grad.abs().sum() > 0 for p in weights)
