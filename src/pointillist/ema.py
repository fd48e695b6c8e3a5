"""Exponential moving average of a network's weights."""

from __future__ import annotations

import copy

import torch
from torch import nn


class WeightAverage(nn.Module):
    """A copy of a network that follows it slowly.

    The decay starts low, as (1 + n) / (10 + n) after n updates, so that the random weights of
    the start are soon forgotten. Batch norm's running figures are averaged like weights.

    Args:
        network: the network to follow.
        decay: the largest decay per update.
    """

    def __init__(self, network: nn.Module, decay: float) -> None:
        super().__init__()
        self.network = copy.deepcopy(network).requires_grad_(False).eval()
        self.decay = decay
        # A plain number: to read it from a GPU would wait for the GPU at every step.
        self.updates = 0

    def get_extra_state(self) -> dict[str, int]:
        """What a checkpoint holds besides the weights."""
        return {"updates": self.updates}

    def set_extra_state(self, state: dict[str, int]) -> None:
        """Takes over what a checkpoint held."""
        self.updates = state["updates"]

    def train(self, mode: bool = True) -> WeightAverage:
        """Stays in evaluation mode, whatever its owner does."""
        return super().train(False)

    def restart(self, network: nn.Module) -> None:
        """Forgets what was averaged, and follows the network from its present weights on."""
        self.network.load_state_dict(network.state_dict())
        self.updates = 0

    @torch.no_grad()
    def update(self, network: nn.Module) -> None:
        """Moves towards the network's present weights."""
        decay = min(self.decay, (1 + self.updates) / (10 + self.updates))
        mine, theirs = _tensors(self.network), _tensors(network)
        floats = [i for i, tensor in enumerate(mine) if tensor.is_floating_point()]
        torch._foreach_lerp_([mine[i] for i in floats], [theirs[i] for i in floats], 1 - decay)
        for tensor, other in zip(mine, theirs, strict=True):
            if not tensor.is_floating_point():
                tensor.copy_(other)
        self.updates += 1


def _tensors(network: nn.Module) -> list[torch.Tensor]:
    return [*(p.data for p in network.parameters()), *network.buffers()]
