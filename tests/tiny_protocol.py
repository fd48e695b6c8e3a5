"""What the tests of the benchmark share: a protocol on built-in data whose cells take seconds."""

from __future__ import annotations

from typing import Any

from pointillist.benchmark.protocol import Protocol


def tiny_protocol(**training: Any) -> Protocol:
    """On 40 creatures; other options of the training may be given."""
    return Protocol(
        name="tiny",
        title="Tiny",
        data={"path": "creatures", "format": "coco", "home": "nowhere"},
        split={"ranges": {"train": "0:24", "val": "24:32", "test": "32:40"}},
        fractions=[25],
        methods={"supervised": {}, "pseudo_labels": {}, "semantic_consistency": {}},
        config={
            "input": {"width": 64, "height": 64},
            "model": {"backbone": "test_resnet.r160_in1k", "width": 16},
            "training": {"max_steps": 2, "validate_every": 1, "labeled_per_step": 4,
                         "unlabeled_per_step": 4, "precision": "32"} | training,
        },
    )  # fmt: skip


def result(row: str, fraction: float, value: float | None, **more: Any) -> dict[str, Any]:
    """What the tables and figures read of a result."""
    return {
        "method": row,
        "fraction": fraction,
        "unlabeled": 100,
        "steps": 10,
        "metrics": {"pck@0.1": {"value": value}},
    } | more
