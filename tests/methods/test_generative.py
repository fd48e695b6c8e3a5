"""Images regenerated from points: what the localizer learns of it."""

from __future__ import annotations

import pytest
import torch
from test_methods import build, make_batch, perceptual

from pointillist.methods.generative import Generative

__all__ = ["perceptual"]


def ready(weights: object, **options: object) -> Generative:
    method = build("generative", weights, **options)  # type: ignore[arg-type]
    assert isinstance(method, Generative)
    return method


def test_the_error_of_the_image_reaches_localizer_and_generator(perceptual: object) -> None:
    method = ready(perceptual, burn_in=0.0, ramp=0.0)
    losses = method(make_batch())
    losses["generation"].backward()
    for part in (method.model.backbone, method.generator):
        assert any(p.grad is not None and p.grad.abs().sum() > 0 for p in part.parameters())
    assert all(p.grad is None for p in method.perceptual.parameters())


def test_only_places_pass(perceptual: object, monkeypatch: pytest.MonkeyPatch) -> None:
    """The generator gets Gaussians at the points, and an appearance that is moved."""
    method = ready(perceptual, burn_in=0.0, ramp=0.0).eval()
    given: list[torch.Tensor] = []
    draw = method.generator.forward

    def kept(appearance: torch.Tensor, drawn: torch.Tensor) -> torch.Tensor:
        given.extend((appearance, drawn))
        return draw(appearance, drawn)

    monkeypatch.setattr(method.generator, "forward", kept)
    torch.manual_seed(2)
    method(make_batch())
    torch.manual_seed(2)
    view = method.setting.views.random(make_batch(), method.setting.view_options)
    appearance, drawn = given
    assert appearance.shape == view.images.shape
    assert (appearance - view.images).abs().mean() > 0.05
    # One Gaussian of the setting's width in each map, its peak at most half a pixel's diagonal off.
    assert drawn.flatten(2).amax(dim=2).min() > 0.75
    assert drawn.flatten(2).sum(dim=2).max() < 2 * torch.pi * 1.5**2 + 0.1


def test_at_first_there_are_labels_alone(perceptual: object) -> None:
    method = ready(perceptual, burn_in=0.5, ramp=0.2)
    assert set(method(make_batch())) == {"supervised"}
    method.progress = 0.6
    half = method(make_batch())
    assert set(half) == {"supervised", "generation"}
