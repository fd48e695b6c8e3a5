"""Plots of scores, from the dictionaries that :func:`pointillist.metrics.score` gives.

Each function returns a matplotlib ``Figure`` of its own, drawn with Agg and without pyplot, so
that nothing opens a window, keeps state, or minds threads. :func:`png` turns one into a file's
bytes.
"""

from __future__ import annotations

import io
from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from pointillist.report.colours import BLUE, GREY, SERIES, VERMILLION, as_hex

Metrics = Mapping[str, Mapping[str, Any]]

_SIZE = (6.4, 4.2)
_FRAME = as_hex(GREY)


def png(figure: Figure, *, dpi: int = 130) -> bytes:
    """A figure as the bytes of a PNG file."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=dpi)
    return buffer.getvalue()


def metric_figures(metrics: Metrics) -> dict[str, Figure]:
    """Caption -> figure: every plot for which there are figures."""
    figures = {}
    if _curve(metrics):
        figures["PCK over alpha"] = pck_curves({"": metrics})
    bars = next((n for n in ("pck@0.1", *metrics) if _has_keypoints(metrics, n)), None)
    if bars is not None:
        figures[f"{bars} per keypoint"] = keypoint_bars(metrics, bars)
    if metrics.get("nme", {}).get("histogram"):
        figures["Errors"] = error_histogram(metrics["nme"])
    if metrics.get("calibration_error", {}).get("bins"):
        figures["Reliability of confidence"] = reliability(metrics["calibration_error"])
    if metrics.get("absence_auc", {}).get("cutoffs"):
        figures["Annotated and absent points"] = cutoff_shares(metrics["absence_auc"])
    return figures


def pck_curves(results: Mapping[str, Metrics]) -> Figure:
    """PCK over the share of the length, one line for each result that has a curve.

    Args:
        results: label -> scores; without labels (a single ``""``) there is no legend.
    """
    figure, axes = _axes()
    for colour, (label, metrics) in zip(_series(len(results)), results.items(), strict=True):
        curve = _curve(metrics)
        if curve:
            area = metrics["pck_auc"]["value"]
            text = f"{label} (area {area:.3f})" if label else f"area {area:.3f}"
            percent = 100 * np.array(curve["pck"])
            axes.plot(curve["alpha"], percent, color=colour, lw=2, label=text)
            lengths = metrics["pck_auc"].get("normalizer", "length")
            unit = lengths if isinstance(lengths, str) else f"{lengths:g} px"
            axes.set_xlabel(f"distance / {unit}")
    axes.set(xlim=(0, None), ylim=(0, 100), ylabel="correct points (%)", title="PCK")
    if axes.lines:
        axes.legend(frameon=False, loc="lower right")
    return figure


def keypoint_bars(metrics: Metrics, name: str) -> Figure:
    """A score per keypoint as bars, each with the number of points that it rests on.

    Args:
        metrics: the scores.
        name: one that has figures per keypoint.
    """
    metric = metrics[name]
    points = metric["per_keypoint"]
    scale = 100 if metric["unit"] == "fraction" else 1
    figure, axes = _axes(height=max(2.2, 0.28 * len(points) + 1.1))
    values = [scale * (point["value"] or 0) for point in points.values()]
    places = np.arange(len(points))
    axes.barh(places, values, color=as_hex(BLUE), height=0.7)
    top = 100 if scale == 100 else max([*values, scale * (metric["value"] or 0)]) or 1
    for place, value, point in zip(places, values, points.values(), strict=True):
        words = "no points" if point["value"] is None else f"{value:.1f}  n = {point['n']:,}"
        axes.text(
            value + top / 100,
            float(place),
            words,
            va="center",
            fontsize=8,
            color=_FRAME,
            bbox={"facecolor": "white", "edgecolor": "none", "pad": 0.8},
        )
    if metric["value"] is not None:
        axes.axvline(scale * metric["value"], color=as_hex(VERMILLION), lw=1.5, ls="--")
    unit = "%" if scale == 100 else metric["unit"]
    axes.set(xlim=(0, top * 1.25), xlabel=f"{name} ({unit}); dashed: all points", title=name)
    axes.set_yticks(places, points)
    axes.invert_yaxis()
    return figure


def error_histogram(metric: Mapping[str, Any]) -> Figure:
    """Distances over length, and what lies beyond the last edge.

    Args:
        metric: the score ``nme`` with its histogram.
    """
    figure, axes = _axes()
    histogram = metric["histogram"]
    edges, counts = np.array(histogram["edges"]), np.array(histogram["counts"])
    share = 100 * counts / metric["n"]
    axes.bar(
        edges[:-1], share, np.diff(edges), align="edge", color=as_hex(BLUE), ec="white", lw=0.5
    )
    axes.axvline(metric["value"], color=as_hex(VERMILLION), lw=1.5, ls="--")
    axes.annotate(
        f"mean {metric['value']:.3f}",
        (metric["value"], 1),
        xytext=(4, -4),
        xycoords=("data", "axes fraction"),
        textcoords="offset points",
        va="top",
        fontsize=9,
    )
    beyond = 100 * histogram["beyond"] / metric["n"]
    lengths = metric.get("normalizer", "length")
    unit = lengths if isinstance(lengths, str) else f"{lengths:g} px"
    axes.set(
        xlim=(edges[0], edges[-1]),
        xlabel=f"distance / {unit}  ({beyond:.1f} % beyond {edges[-1]:g})",
        ylabel="points (%)",
        title="Errors",
    )
    return figure


def reliability(metric: Mapping[str, Any]) -> Figure:
    """Share of correct points over confidence; on the diagonal confidence means what it says.

    Args:
        metric: the score ``calibration_error`` with its bins.
    """
    figure, axes = _axes()
    bins = metric["bins"]
    widths = [b["to"] - b["from"] for b in bins]
    total = sum(b["n"] for b in bins)
    axes.bar(
        [b["from"] for b in bins],
        [100 * b["n"] / total for b in bins],
        widths,
        align="edge",
        color=as_hex(GREY),
        alpha=0.3,
        label="points (%)",
    )
    axes.plot([0, 1], [0, 100], color=_FRAME, lw=1, ls="--", label="calibrated")
    axes.plot(
        [b["confidence"] for b in bins],
        [100 * b["correct"] for b in bins],
        "o-",
        color=as_hex(BLUE),
        lw=2,
        label="correct points (%)",
    )
    axes.set(
        xlim=(0, 1),
        ylim=(0, 100),
        xlabel="confidence",
        ylabel="%",
        title=f"Expected calibration error {metric['value']:.3f}",
    )
    axes.legend(frameon=False, loc="upper left")
    return figure


def cutoff_shares(metric: Mapping[str, Any]) -> Figure:
    """Which annotated and which absent points remain at a cut-off of confidence: the wider the
    two lines are apart, the better confidence tells that a point is not there.

    Args:
        metric: the score ``absence_auc`` with its cut-offs.
    """
    figure, axes = _axes()
    cutoffs = [c["confidence"] for c in metric["cutoffs"]]
    for kind, colour in (("annotated", BLUE), ("absent", VERMILLION)):
        count = metric["absent"] if kind == "absent" else metric["n"] - metric["absent"]
        shares = [100 * c[kind] for c in metric["cutoffs"]]
        axes.plot(cutoffs, shares, color=as_hex(colour), lw=2, label=f"{kind} ({count:,} points)")
    axes.set(
        xlim=(0, 1),
        ylim=(0, 100),
        xlabel="confidence",
        ylabel="points with this confidence or more (%)",
        title=f"Annotated and absent points (area {metric['value']:.3f})",
    )
    axes.legend(frameon=False, loc="lower left")
    return figure


def _axes(height: float = _SIZE[1]) -> tuple[Figure, Axes]:
    figure = Figure(figsize=(_SIZE[0], height), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    axes.spines[["top", "right"]].set_visible(False)
    return figure, axes


def _series(count: int) -> list[str]:
    return [as_hex(SERIES[i % len(SERIES)]) for i in range(count)]


def _curve(metrics: Metrics) -> dict[str, Any] | None:
    return metrics.get("pck_auc", {}).get("curve")


def _has_keypoints(metrics: Metrics, name: str) -> bool:
    return bool(metrics.get(name, {}).get("per_keypoint"))
