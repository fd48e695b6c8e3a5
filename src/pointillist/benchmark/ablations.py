"""Rows that a protocol with a certain row has beside it: that row, changed.

Those of ``semantic_consistency`` are Tables 2 and 4 and Figure 3 of Moskvyak et al., ICLR 2021;
those of ``adaptive_masking`` are what Meng et al., 2024, switch. Whatever else the protocol says of
the row holds for them too.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from pointillist.config import validate
from pointillist.methods import get_method

#: The rows that are changed.
WHOLE, MASKING = "semantic_consistency", "adaptive_masking"


@dataclass(frozen=True)
class Ablation:
    """What is changed.

    Args:
        factors: option -> what its value is multiplied with; 0 switches a loss off.
        options: option -> its value.
        of: the row.
    """

    factors: Mapping[str, float] = field(default_factory=dict)
    options: Mapping[str, Any] = field(default_factory=dict)
    of: str = WHOLE

    def apply(self, method: str, given: Mapping[str, Any]) -> dict[str, Any]:
        """The changed options of a method.

        Args:
            method: its name.
            given: options that are given for it.
        """
        options = validate(get_method(method).Options, dict(given), where=f"options of {method}")
        scaled = {name: factor * getattr(options, name) for name, factor in self.factors.items()}
        return {**scaled, **self.options}


_SC, _TE, _TI = "semantic", "equivariance", "invariance"

#: Table 2: which losses are left. Table 4: without the ground-truth heatmaps of labelled images.
#: Adaptive masking: as many masks for every image or none, what is mixed, one branch alone, and
#: the masked one with as many masks for every image, where Mixup hides nothing of the difference.
ABLATIONS: dict[str, Ablation] = {
    "te_ti": Ablation({_SC: 0.0}),
    "sc": Ablation({_TE: 0.0, _TI: 0.0}),
    "ti_sc": Ablation({_TE: 0.0}),
    "te_sc": Ablation({_TI: 0.0}),
    "ti": Ablation({_SC: 0.0, _TE: 0.0}),
    "no_true_heatmaps": Ablation(options={"true_heatmaps": False}),
    "fixed_masking": Ablation(options={"masking": "fixed"}, of=MASKING),
    "no_masking": Ablation(options={"masking": "none"}, of=MASKING),
    "image_mixup": Ablation(options={"mixup": "image"}, of=MASKING),
    "feature_mixup": Ablation(options={"mixup": "feature"}, of=MASKING),
    "no_mixup": Ablation(options={"mixup": "none"}, of=MASKING),
    "masked_branch": Ablation({"mixed": 0.0}, of=MASKING),
    "fixed_masked_branch": Ablation({"mixed": 0.0}, {"masking": "fixed"}, of=MASKING),
    "mixed_branch": Ablation({"unsupervised": 0.0}, of=MASKING),
}

#: Figure 3: loss -> factor -> row. The paper's weights times these are the weights it tested:
#: 0.1, 0.5 and 1 for the semantic consistency, 10, 100 and 1,000 for the others.
SENSITIVITY: dict[str, dict[float, str]] = {
    loss: {factor: WHOLE if factor == 1 else f"{loss}_x{factor:g}" for factor in factors}
    for loss, factors in {
        _SC: (0.2, 1.0, 2.0),
        _TE: (0.1, 1.0, 10.0),
        _TI: (0.1, 1.0, 10.0),
    }.items()
}

#: All of them by the name of their row.
CHANGED: dict[str, Ablation] = ABLATIONS | {
    row: Ablation({loss: factor})
    for loss, rows in SENSITIVITY.items()
    for factor, row in rows.items()
    if row != WHOLE
}
