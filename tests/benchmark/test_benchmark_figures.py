"""Figures 3 and 4: from results, and from two short trainings that were kept."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from pointillist.benchmark.cells import Cell
from pointillist.benchmark.figures import clusters, sensitivity, write_figure
from pointillist.benchmark.grid import run_grid
from pointillist.benchmark.protocol import Protocol
from pointillist.benchmark.representations import representations
from pointillist.crops import CropSpec
from pointillist.errors import DataError
from pointillist.points import CropPoints
from pointillist.run import Run
from pointillist.samples import decode_sample, labeled_samples
from pointillist.skeleton import Skeleton
from pointillist.synthetic import SKELETON
from tiny_protocol import result, tiny_protocol

SC = "semantic_consistency"


def test_a_line_for_each_loss_over_the_factors_of_its_weight() -> None:
    results = [
        *(result(SC, 5, value) for value in (0.6, 0.7)),
        result("semantic_x0.2", 5, 0.5),
        result("equivariance_x10", 5, 0.64),
        result("equivariance_x10", 10, 0.99),  # other shares of labels are other figures
        result("invariance_x10", 5, 0.99, unlabeled=50),
    ]
    (axes,) = sensitivity(tiny_protocol(), results, 5).axes
    lines = {line.get_label(): line for line in axes.lines if str(line.get_label())[0] != "_"}
    found = {label: list(zip(*line.get_data(), strict=True)) for label, line in lines.items()}
    assert found == {
        "semantic consistency (λ₂)": [(0.2, 50), (1, pytest.approx(65))],
        "equivariance (λ₃)": [(1, pytest.approx(65)), (10, 64)],
        "invariance (λ₄)": [(1, pytest.approx(65))],
    }
    assert [label.get_text() for label in axes.get_xticklabels()] == ["0.2", "1", "10"]
    low, high = axes.get_ylim()
    assert high - low >= 10


def test_without_scaled_weights_there_is_nothing_to_draw(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no row with a scaled weight has a result for tiny"):
        sensitivity(tiny_protocol(), [result(SC, 5, 0.6)], 5)


@pytest.fixture(scope="module")
def kept(creatures: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of runs of both cells of Figure 4."""
    folder = tmp_path_factory.mktemp("kept")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("POINTILLIST_DATA", str(creatures))
        run_grid(
            tiny_protocol(),
            [Cell("supervised", 25, 0), Cell(SC, 25, 0)],
            results=folder / "results",
            runs=folder,
            keep_runs=True,
            quiet=True,
            say=lambda _: None,
        )
    return folder


def test_figure_4_and_its_numbers(kept: Path, protocol: Protocol, tmp_path: Path) -> None:
    file = write_figure(4, protocol, [], fraction=25, folder=tmp_path, runs=kept)
    assert file.name == "figure4.png"
    assert file.read_bytes().startswith(b"\x89PNG")
    panels = json.loads((tmp_path / "figure4.json").read_text(encoding="utf-8"))
    assert [panel["name"] for panel in panels] == ["Supervised", "Semantic consistency"]
    assert [panel["channels"] for panel in panels] == [16, 64]  # the network's own, C
    points = sum(int(image.instances[0].annotated.sum()) for image in protocol.open_data()[32:40])
    assert [panel["points"] for panel in panels] == [points] * 2
    assert all(-1 <= panel["silhouette"] <= 1 for panel in panels)


def test_a_training_that_was_not_kept_is_told(protocol: Protocol, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"supervised was not kept.*remove supervised-25-seed0"):
        write_figure(4, protocol, [], fraction=25, folder=tmp_path, runs=tmp_path)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("row", ["supervised", SC])
def test_representations_are_the_plain_product(kept: Path, protocol: Protocol, row: str) -> None:
    run = Run.open(kept / "tiny" / f"{row}-25-seed0")
    data = protocol.open_data()
    z, keypoints = representations(run, data, most=3)
    # The first of three is the first of all.
    sample = labeled_samples(data)[0]
    assert sample.instance is not None
    annotated = np.flatnonzero(sample.instance.annotated)
    np.testing.assert_array_equal(keypoints[: len(annotated)], annotated)
    crop = decode_sample(sample, CropSpec(64, 64, run.config.input.margin))
    network = run.network()
    seen = CropPoints(network, run.skeleton, decoding="dark", flip=False)
    with torch.no_grad():
        output = network(seen.images(torch.from_numpy(crop.pixels)[None]))
        features = output.features
        if row == SC:
            state = torch.load(run.best_checkpoint, weights_only=True)["state_dict"]
            weight = state["method.project.weight"][:, :, 0, 0]
            features = torch.einsum("oc,bchw->bohw", weight, features)
            features = features + state["method.project.bias"][:, None, None]
        plain = (features[:, None] * output.heatmaps[:, :, None]).amax(dim=(3, 4))
    np.testing.assert_allclose(z[: len(annotated)], plain[0, annotated], rtol=1e-3, atol=1e-5)
    # The last one of three is the last one of all.
    last = labeled_samples(data)[-1].instance
    assert last is not None
    np.testing.assert_array_equal(
        keypoints[-last.annotated.sum() :], np.flatnonzero(last.annotated)
    )


def test_pairs_have_one_colour_and_no_two_keypoints_look_the_same() -> None:
    many = Skeleton(tuple(f"p{i}" for i in range(24)), flip_pairs=((0, 1), (3, 2)))
    for skeleton in (SKELETON, many):
        panel = {"name": "x", "silhouette": 0.5, "places": np.zeros((0, 2)), "keypoints": []}
        panel["keypoints"] = np.zeros(0, dtype=int)
        figure = clusters("title", [panel], skeleton)
        (legend,) = figure.legends
        handles = legend.legend_handles
        looks = [
            (h.get_marker(), h.get_markeredgecolor(), h.get_markerfacecolor()) for h in handles
        ]
        assert len(set(looks)) == len(skeleton)
        for left, right in skeleton.flip_pairs:
            assert looks[left][:2] == looks[right][:2]
            assert (looks[left][2] == "none", looks[right][2] == "none") == (False, True)
        assert figure.axes[0].get_title() == "x: silhouette 0.50"
