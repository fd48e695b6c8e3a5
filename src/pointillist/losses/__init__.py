"""Losses: one file each, modules without state."""

from pointillist.losses.equivariance import TransformationEquivarianceLoss
from pointillist.losses.heatmap import HeatmapLoss
from pointillist.losses.invariance import TransformationInvarianceLoss
from pointillist.losses.semantic import SemanticConsistencyLoss

__all__ = [
    "HeatmapLoss",
    "SemanticConsistencyLoss",
    "TransformationEquivarianceLoss",
    "TransformationInvarianceLoss",
]
