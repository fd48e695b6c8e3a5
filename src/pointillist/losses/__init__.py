"""Losses: one file each, modules without state."""

from pointillist.losses.equivariance import TransformationEquivarianceLoss
from pointillist.losses.heatmap import HeatmapLoss
from pointillist.losses.invariance import TransformationInvarianceLoss
from pointillist.losses.landmarks import EquivariantLandmarkLoss
from pointillist.losses.perceptual import PerceptualLoss
from pointillist.losses.semantic import SemanticConsistencyLoss

__all__ = [
    "EquivariantLandmarkLoss",
    "HeatmapLoss",
    "PerceptualLoss",
    "SemanticConsistencyLoss",
    "TransformationEquivarianceLoss",
    "TransformationInvarianceLoss",
]
