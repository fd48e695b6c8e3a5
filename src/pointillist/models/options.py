"""What can be chosen about the network. Light: no torch is imported here."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator


class ModelOptions(BaseModel):
    """The keypoint localization network."""

    model_config = ConfigDict(extra="forbid")

    backbone: str = Field(
        default="resnet18",
        description="name of a timm model; HRNets ('hrnet_w32') keep their stride-4 branch, "
        "of all others the features of several strides are fused to stride 4. Or a network of "
        "one's own, by the function that makes it: 'module:function'",
    )
    pretrained: bool = Field(
        default=False,
        description="start from the weights that timm publishes for the backbone "
        "(downloaded once, needs internet access)",
    )
    weights: Path | None = Field(
        default=None,
        description="start from a local file of backbone weights (.safetensors, .pth)",
    )
    width: int = Field(
        default=128,
        ge=8,
        le=1024,
        description="channels of the fused features; HRNets do not use it",
    )
    max_stride: Literal[16, 32] = Field(
        default=16,
        description="coarsest backbone feature that is used, in input pixels per feature pixel; "
        "the layers beyond it are not built. HRNets always use all of theirs, up to 32",
    )

    frozen_stride: int = Field(
        default=0,
        ge=0,
        description="the backbone's layers up to its feature of this stride stay as they are, "
        "batch norm's statistics too: fewer labels are learnt by heart, and a step is faster; "
        "0: all layers learn",
    )

    @model_validator(mode="after")
    def _one_source_of_weights(self) -> ModelOptions:
        if self.pretrained and self.weights is not None:
            raise ValueError(
                "give either pretrained or weights, not both: with a file, pretrained is false "
                "(train --weights FILE sets both)"
            )
        return self
