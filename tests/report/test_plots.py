import numpy as np
import pytest

from pointillist.dataset import Dataset, Image, Instance
from pointillist.metrics import score
from pointillist.report.plots import (
    cutoff_shares,
    error_histogram,
    keypoint_bars,
    metric_figures,
    pck_curves,
    png,
    reliability,
)
from pointillist.skeleton import Skeleton


@pytest.fixture(scope="module")
def metrics():
    rng = np.random.default_rng(0)
    skeleton = Skeleton(("nose", "tail", "paw"))
    truth, guess = [], []
    for i in range(10):
        points = rng.uniform(10, 90, (3, 2))
        seen = np.array([2, 2, 0])
        truth.append(Image(f"{i}", 100, 100, [Instance(points, seen, box=(0, 0, 100, 100))]))
        moved = points + rng.normal(0, 8, (3, 2))
        confidence = rng.uniform(0, 1, 3)
        guess.append(
            Image(f"{i}", 100, 100, [Instance(moved, np.full(3, 2), confidence=confidence)])
        )
    return score(Dataset(skeleton, truth, ""), Dataset(skeleton, guess, ""), paired=True)


def test_every_plot_that_there_are_figures_for(metrics):
    figures = metric_figures(metrics)
    assert list(figures) == [
        "PCK over alpha",
        "pck@0.1 per keypoint",
        "Errors",
        "Reliability of confidence",
    ]
    for figure in figures.values():
        data = png(figure, dpi=40)
        assert data.startswith(b"\x89PNG")
    assert metric_figures({"pckh@0.5": metrics["pckh@0.5"]}) == {}
    assert list(metric_figures({"pixel_error_mean": metrics["pixel_error_mean"]})) == [
        "pixel_error_mean per keypoint"
    ]


def test_the_curve_shows_the_scores(metrics):
    (axes,) = pck_curves({"mine": metrics, "none": {}, "same": metrics}).axes
    assert len(axes.lines) == 2
    x, y = axes.lines[0].get_data()
    assert y[list(x).index(0.1)] == pytest.approx(100 * metrics["pck@0.1"]["value"])
    labels = [text.get_text() for text in axes.get_legend().get_texts()]
    assert [label.split(" ")[0] for label in labels] == ["mine", "same"]
    assert axes.get_xlabel() == "distance / bbox"


def test_bars_carry_their_counts(metrics):
    (axes,) = keypoint_bars(metrics, "pck@0.1").axes
    assert [label.get_text() for label in axes.get_yticklabels()] == ["nose", "tail", "paw"]
    widths = [bar.get_width() for bar in axes.patches]
    tail = metrics["pck@0.1"]["per_keypoint"]["tail"]["value"]
    assert widths[1:] == [pytest.approx(100 * tail), 0]
    texts = [text.get_text() for text in axes.texts]
    assert texts[1].endswith("n = 10")
    assert texts[2] == "no points"


def test_bars_of_pixels(metrics):
    (axes,) = keypoint_bars(metrics, "pixel_error_mean").axes
    assert axes.get_xlabel().startswith("pixel_error_mean (px)")
    assert axes.get_xlim()[1] > max(bar.get_width() for bar in axes.patches)


def test_the_histogram_adds_up(metrics):
    (axes,) = error_histogram(metrics["nme"]).axes
    shown = sum(bar.get_height() for bar in axes.patches)
    beyond = 100 * metrics["nme"]["histogram"]["beyond"] / metrics["nme"]["n"]
    assert shown + beyond == pytest.approx(100)
    pixels = error_histogram({**metrics["nme"], "normalizer": 24.0}).axes[0]
    assert pixels.get_xlabel().startswith("distance / 24 px")


def test_reliability_shows_the_bins(metrics):
    (axes,) = reliability(metrics["calibration_error"]).axes
    bins = metrics["calibration_error"]["bins"]
    x, y = axes.lines[1].get_data()
    np.testing.assert_allclose(x, [b["confidence"] for b in bins])
    np.testing.assert_allclose(y, [100 * b["correct"] for b in bins])
    assert sum(bar.get_height() for bar in axes.patches) == pytest.approx(100)


def test_what_remains_at_a_cutoff_of_annotated_and_absent_points():
    cutoffs = [
        {"confidence": 0.0, "annotated": 1.0, "absent": 1.0},
        {"confidence": 1.0, "annotated": 0.5, "absent": 0.0},
    ]
    metric = {"value": 0.9, "n": 12, "absent": 4, "cutoffs": cutoffs}
    assert "Annotated and absent points" in metric_figures({"absence_auc": metric})
    (axes,) = cutoff_shares(metric).axes
    annotated, absent = axes.lines
    np.testing.assert_allclose(annotated.get_data(), [[0, 1], [100, 50]])
    np.testing.assert_allclose(absent.get_data(), [[0, 1], [100, 0]])
    labels = [text.get_text() for text in axes.get_legend().get_texts()]
    assert labels == ["annotated (8 points)", "absent (4 points)"]
