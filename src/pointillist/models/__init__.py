"""The networks: backbones, heads, and the localizer that joins them.

Import from the files themselves: :mod:`~pointillist.models.options` is light and needs no torch,
all others import torch.
"""
