"""Losses: one file each, pure functions of tensors in modules without state."""

from pointillist.losses.heatmap import HeatmapLoss

__all__ = ["HeatmapLoss"]
