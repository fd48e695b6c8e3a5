"""What can be chosen about the box finder. Light: no torch is imported here."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field


class BoxFinderOptions(BaseModel):
    """The network that finds objects in whole images (``localize``)."""

    model_config = ConfigDict(extra="forbid")

    width: int = Field(256, ge=64, description="whole images are fitted into this width, pixels")
    height: int = Field(256, ge=64, description="whole images are fitted into this height, pixels")
    max_steps: int = Field(1500, ge=1, description="optimiser steps")
    images_per_step: int = Field(8, ge=1, description="images a step")
    learning_rate: float = Field(1e-3, gt=0, description="at its highest; a cosine follows")
    score: float = Field(0.3, gt=0, lt=1, description="boxes that are less certain are dropped")
