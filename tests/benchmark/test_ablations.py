"""Rows that are semantic consistency with something changed."""

from __future__ import annotations

import pytest

from pointillist.benchmark.ablations import ABLATIONS, CHANGED, SENSITIVITY
from pointillist.benchmark.protocol import Protocol
from pointillist.errors import ConfigError
from pointillist.methods import get_method
from tiny_protocol import tiny_protocol

LOSSES = ("semantic", "equivariance", "invariance")


@pytest.fixture
def protocol() -> Protocol:
    made = tiny_protocol()
    made.methods["semantic_consistency"] = {
        "method_options": {"semantic": 0.4, "equivariance": 100.0, "ramp": 0.3},
        "training": {"learning_rate": 0.002},
    }
    return made


def options(protocol: Protocol, row: str) -> dict[str, object]:
    config = protocol.config_for(row, 0, {})
    return get_method(config.method).Options(**config.method_options).model_dump()


@pytest.mark.parametrize(
    ("row", "left"),
    [
        ("te_ti", {"equivariance", "invariance"}),
        ("sc", {"semantic"}),
        ("ti_sc", {"semantic", "invariance"}),
        ("te_sc", {"semantic", "equivariance"}),
        ("ti", {"invariance"}),
        ("no_true_heatmaps", set(LOSSES)),
    ],
)
def test_what_is_left(protocol: Protocol, row: str, left: set[str]) -> None:
    found, whole = options(protocol, row), options(protocol, "semantic_consistency")
    assert {loss for loss in LOSSES if found[loss]} == left
    assert found["true_heatmaps"] is (row != "no_true_heatmaps")
    # Everything else is the protocol's row.
    same = set(whole) - set(LOSSES) - {"true_heatmaps"}
    assert {key: found[key] for key in same} == {key: whole[key] for key in same}
    assert found["ramp"] == 0.3
    assert protocol.config_for(row, 0, {}).training.learning_rate == 0.002


@pytest.mark.parametrize(
    ("row", "changed"),
    [
        ("fixed_masking", {"masking": "fixed"}),
        ("no_masking", {"masking": "none"}),
        ("image_mixup", {"mixup": "image"}),
        ("feature_mixup", {"mixup": "feature"}),
        ("no_mixup", {"mixup": "none"}),
        ("masked_branch", {"mixed": 0}),
        ("fixed_masked_branch", {"masking": "fixed", "mixed": 0}),
        ("mixed_branch", {"unsupervised": 0}),
    ],
)
def test_adaptive_masking_taken_apart(
    protocol: Protocol, row: str, changed: dict[str, object]
) -> None:
    with pytest.raises(ConfigError, match=f"has no method '{row}'"):
        protocol.method_of(row)
    protocol.methods["adaptive_masking"] = {"method_options": {"most_masks": 3}}
    found, whole = options(protocol, row), options(protocol, "adaptive_masking")
    assert found == whole | changed
    assert found["most_masks"] == 3


def test_weights_are_multiples_of_the_protocols(protocol: Protocol) -> None:
    assert options(protocol, "semantic_x0.2")["semantic"] == pytest.approx(0.08)
    assert options(protocol, "semantic_x2")["semantic"] == pytest.approx(0.8)
    assert options(protocol, "equivariance_x0.1")["equivariance"] == pytest.approx(10)
    assert options(protocol, "invariance_x10")["semantic"] == 0.4


def test_the_papers_weights_give_those_that_it_tested() -> None:
    paper = {"semantic": 0.5, "equivariance": 100.0, "invariance": 100.0}
    tested = {loss: [f * paper[loss] for f in rows] for loss, rows in SENSITIVITY.items()}
    assert tested == {
        "semantic": [0.1, 0.5, 1.0],
        "equivariance": [10, 100, 1000],
        "invariance": [10, 100, 1000],
    }
    assert len(CHANGED) == len(ABLATIONS) + 6


def test_a_protocol_may_say_what_an_ablation_is(protocol: Protocol) -> None:
    protocol.methods["sc"] = {"method": "semantic_consistency", "method_options": {"ramp": 0.1}}
    assert options(protocol, "sc")["equivariance"] != 0


def test_without_semantic_consistency_there_is_nothing_to_take_apart() -> None:
    plain = tiny_protocol()
    del plain.methods["semantic_consistency"]
    with pytest.raises(ConfigError, match="has no method 'te_ti'"):
        plain.method_of("te_ti")
