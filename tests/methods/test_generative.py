"""Images regenerated from points: what the localizer learns of it."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from test_methods import build, make_batch, perceptual

from pointillist.errors import ConfigError, PointillistError
from pointillist.methods import generative
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


def test_images_are_compared_as_the_other_network_wants_them(
    perceptual: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A generator that gives back a known image: both must arrive in the other normalisation."""
    method = ready(perceptual, burn_in=0.0, ramp=0.0).eval()
    method.scale.fill_(2.0)
    method.offset.fill_(0.5)
    given: list[torch.Tensor] = []
    monkeypatch.setattr(method.generator, "forward", lambda appearance, drawn: appearance)
    monkeypatch.setattr(
        method.perceptual, "forward", lambda *images: given.extend(images) or images[0].mean()
    )
    torch.manual_seed(2)
    method(make_batch())
    torch.manual_seed(2)
    view = method.setting.views.random(make_batch(), method.setting.view_options)
    torch.testing.assert_close(given[1], 2 * view.images + 0.5)


def test_the_normalisation_leads_from_one_network_to_the_other(perceptual: object) -> None:
    method = ready(perceptual)
    network = method.perceptual.network
    gray = torch.full((3,), 0.4)
    seen = (gray - torch.tensor(method.model.mean)) / torch.tensor(method.model.std)
    wanted = (gray - torch.tensor(network.mean)) / torch.tensor(network.std)
    torch.testing.assert_close(seen * method.scale.flatten() + method.offset.flatten(), wanted)


def test_a_file_without_all_of_the_weights_is_refused(perceptual: Path, tmp_path: Path) -> None:
    part = {k: v for k, v in load_file(perceptual).items() if not k.startswith("layer2")}
    save_file(part, tmp_path / "part.safetensors")
    with pytest.raises(ConfigError, match=r"not in the file.*perceptual_weights=FILE"):
        build("generative", tmp_path / "part.safetensors")


def test_without_a_download_the_option_for_a_file_is_named(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def offline(*_: object, **__: object) -> None:
        raise PointillistError("the published weights could not be loaded", do="--weights FILE")

    monkeypatch.setattr(generative, "create_backbone", offline)
    with pytest.raises(PointillistError, match=r"could not be loaded.*perceptual_weights=FILE"):
        build("generative")
