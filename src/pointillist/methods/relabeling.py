"""A frozen network that labels crops, as methods need it that train in stages."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import replace

import torch
from torch import Tensor, nn

from pointillist import geometry
from pointillist.batch import Batch
from pointillist.geometry import transform_points
from pointillist.heatmaps import decode, smoothed
from pointillist.methods.base import Setting
from pointillist.models.localizer import Localizer
from pointillist.points import Copy, predict_heatmaps

#: What a method says when a fresh network begins to learn what :class:`Labeller` says.
FRESH = "a fresh network begins: it learns what the first one says of the other images"


class Labeller(nn.Module):
    """Labels unlabelled crops with what a network says of their copies on average.

    Radosavovic et al., "Data distillation", CVPR 2018. Until :meth:`take` it holds the weights
    that the network began with, and gives them back for one that is to start afresh.

    Args:
        network: in its first state; it is copied.
        setting: views, skeleton and the Gaussians that are learnt.
        copies: turned and scaled; where left-right pairs are known each is mirrored too.
        confidence: a point with a lower peak becomes no label.
        smoothing: deviation that heatmaps are smoothed with, as in a prediction.
    """

    def __init__(
        self,
        network: Localizer,
        setting: Setting,
        *,
        copies: Sequence[Copy],
        confidence: float,
        smoothing: float = 0.0,
    ) -> None:
        super().__init__()
        self.network = copy.deepcopy(network).requires_grad_(False)
        self.setting, self.copies = setting, copies
        self.confidence, self.smoothing = confidence, smoothing
        # A frozen network says the same of a crop every time, so each is asked about once. What it
        # said is with the processor: after a checkpoint, too, all of it is in one place.
        self._known: dict[int, tuple[Tensor, Tensor]] = {}

    def take(self, trained: nn.Module) -> dict[str, Tensor]:
        """Labels with this network's weights from now on.

        Returns:
            the weights that it had until now.
        """
        before = copy.deepcopy(self.network.state_dict())
        self.network.load_state_dict(trained.state_dict())
        self._known.clear()
        return before

    def get_extra_state(self) -> dict[str, Tensor]:
        """What it has been asked, for a checkpoint: to ask again takes minutes.

        Returns:
            ``index`` (N,) of crops, their ``points`` (N, K, 2) in crop pixels and ``confidence``
            (N, K); nothing before it was asked.
        """
        if not self._known:
            return {}
        index, answers = zip(*self._known.items(), strict=True)
        points, confidence = (torch.stack(part) for part in zip(*answers, strict=True))
        return {"index": torch.tensor(index), "points": points, "confidence": confidence}

    def set_extra_state(self, state: dict[str, Tensor]) -> None:
        """Takes over what :meth:`get_extra_state` gave."""
        self._known.clear()
        if state:
            answers = zip(state["points"], state["confidence"], strict=True)
            self._known.update(zip(state["index"].tolist(), answers, strict=True))

    @torch.no_grad()
    def label(self, batch: Batch) -> tuple[Batch, Tensor]:
        """Labels the unlabelled crops of a batch; labels that are there stay.

        Returns:
            the batch with their points in crop pixels, and the peaks (U, K) of these U crops.
        """
        index = batch.index.tolist()  # at once: on a GPU each look waits for it
        rows = [row for row, labeled in enumerate(batch.labeled.tolist()) if not labeled]
        new = [row for row in rows if index[row] not in self._known]
        if new:
            answers = self._ask(batch.select(torch.tensor(new, device=batch.index.device)))
            for row, *answer in zip(new, *answers, strict=True):
                self._known[index[row]] = (answer[0], answer[1])
        if not rows:
            return batch, batch.points.new_zeros(0, batch.points.shape[1])
        known = [self._known[index[row]] for row in rows]
        found, confidence = (
            torch.stack(part).to(batch.points.device) for part in zip(*known, strict=True)
        )
        which = torch.tensor(rows, device=batch.index.device)
        points, annotated = batch.points.clone(), batch.annotated.clone()
        points[which], annotated[which] = found, confidence >= self.confidence
        return replace(batch, points=points, annotated=annotated), confidence

    def _ask(self, batch: Batch) -> tuple[Tensor, Tensor]:
        """Points (B, K, 2) in crop pixels and confidence (B, K), both for the processor."""
        self.network.eval()
        views = self.setting.views
        plain = views.plain(batch)
        mirrored = bool(self.setting.skeleton.flip_pairs)
        order = views.order(batch.index.device) if mirrored else None
        heatmaps = predict_heatmaps(self.network, plain.images, order, self.copies)
        heatmaps = smoothed(heatmaps, self.smoothing, self.setting.sigma)
        points, confidence = decode(heatmaps, "dark")
        to_crop = geometry.inverse(plain.transform)
        points = transform_points(to_crop, points * self.network.stride)
        return points.cpu(), confidence.cpu()
