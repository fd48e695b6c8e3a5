from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import ValidationError

from pointillist.models.options import ModelOptions


def test_defaults_go_through_json() -> None:
    options = ModelOptions()
    assert options.backbone == "resnet18"
    assert ModelOptions.model_validate_json(options.model_dump_json()) == options


@pytest.mark.parametrize(
    "wrong",
    [
        {"bakbone": "resnet18"},
        {"width": 0},
        {"max_stride": 8},
        {"pretrained": True, "weights": Path("weights.safetensors")},
    ],
)
def test_wrong_values_are_refused(wrong: dict) -> None:
    with pytest.raises(ValidationError):
        ModelOptions(**wrong)
