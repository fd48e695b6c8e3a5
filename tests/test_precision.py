from __future__ import annotations

import pytest
import torch
from torch import nn

from pointillist.precision import (
    bf16_pays_on_cpu,
    in_float32,
    inference_autocast,
    resolve_precision,
)

PLAIN = nn.Conv2d(4, 4, 3)
DEPTHWISE = nn.Sequential(nn.Conv2d(4, 4, 1), nn.Conv2d(4, 4, 3, groups=4))


def test_in_float32_leaves_autocast_and_comes_back() -> None:
    a = torch.tensor([[1.0, 257.3]])
    b = torch.tensor([[1.0], [1.0]])

    @in_float32
    def product(left: torch.Tensor, *, right: torch.Tensor) -> torch.Tensor:
        """What it does."""
        return left @ right

    assert product.__doc__ == "What it does."
    with torch.autocast("cpu", torch.bfloat16):
        inside = product(a, right=b)
        assert inside.dtype == torch.float32
        assert inside.item() == pytest.approx(258.3, abs=1e-4)
        assert (a @ b).dtype == torch.bfloat16


@pytest.mark.parametrize(
    ("choice", "name"), [("32", "32-true"), ("bf16", "bf16-mixed"), ("fp16", "16-mixed")]
)
def test_a_choice_is_taken(choice: str, name: str) -> None:
    assert resolve_precision(choice, PLAIN) == name


@pytest.mark.parametrize(("supported", "name"), [(True, "bf16-mixed"), (False, "32-true")])
def test_auto_on_a_cpu(monkeypatch: pytest.MonkeyPatch, supported: bool, name: str) -> None:
    monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda: supported, raising=False)
    assert bf16_pays_on_cpu(PLAIN) is supported
    assert resolve_precision("auto", PLAIN, "cpu") == name
    # Depthwise convolutions lose.
    assert resolve_precision("auto", DEPTHWISE, "cpu") == "32-true"


@pytest.mark.parametrize(("bf16", "name"), [(True, "bf16-mixed"), (False, "16-mixed")])
def test_auto_on_a_gpu(monkeypatch: pytest.MonkeyPatch, bf16: bool, name: str) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda: bf16)
    monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda: False, raising=False)
    assert resolve_precision("auto", DEPTHWISE) == name
    # A GPU that is not asked for does not decide.
    assert resolve_precision("auto", PLAIN, "cpu") == "32-true"


def test_inference_on_a_cpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda: True, raising=False)
    images = torch.rand(1, 4, 8, 8)
    with inference_autocast(PLAIN, torch.device("cpu")):
        assert PLAIN(images).dtype == torch.bfloat16
    with inference_autocast(DEPTHWISE, torch.device("cpu")):
        assert DEPTHWISE(images).dtype == torch.float32
