"""Figures 3 and 4 of "Semi-supervised keypoint localization" from results and kept trainings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from pointillist.benchmark.ablations import SENSITIVITY, WHOLE
from pointillist.benchmark.paper import FIGURES
from pointillist.benchmark.protocol import Protocol
from pointillist.benchmark.representations import representations
from pointillist.errors import DataError
from pointillist.files import whole_file, write_json
from pointillist.metrics.clusters import silhouette
from pointillist.report.colours import GREY, SERIES, as_hex
from pointillist.report.plots import png
from pointillist.run import Run
from pointillist.skeleton import Skeleton
from pointillist.split import split_dataset

#: Names of the losses whose weights are varied.
_LOSSES = {
    "semantic": "semantic consistency (λ₂)",
    "equivariance": "equivariance (λ₃)",
    "invariance": "invariance (λ₄)",
}

#: Percentage points that the axis of Figure 3 shows at least.
_SPAN = 10.0

#: Instances in the t-SNE: more only lie on top of each other.
_INSTANCES = 200


def write_figure(
    number: int,
    protocol: Protocol,
    results: Sequence[Mapping[str, Any]],
    *,
    fraction: float,
    folder: Path,
    runs: Path,
) -> Path:
    """Draws a figure of the paper.

    Args:
        number: 3 or 4.
        protocol: whose.
        results: of its cells.
        fraction: percent of labelled images.
        folder: for ``figure<number>.png``, and for Figure 4 its numbers beside it.
        runs: where trainings were kept.

    Returns:
        the picture's file.

    Raises:
        DataError: what it is drawn from is not there.
    """
    file = folder / f"figure{number}.png"
    if number == 3:
        figure = sensitivity(protocol, results, fraction)
    else:
        panels, skeleton = embeddings(protocol, runs, fraction)
        write_json(
            file.with_suffix(".json"),
            [{k: v for k, v in p.items() if k not in ("places", "keypoints")} for p in panels],
            indent=1,
        )
        figure = clusters(protocol.title, panels, skeleton)
    with whole_file(file) as temporary:
        temporary.write_bytes(png(figure))
    return file


# -- figure 3 ------------------------------------------------------------------------------------


def sensitivity(
    protocol: Protocol, results: Sequence[Mapping[str, Any]], fraction: float
) -> Figure:
    """The metric over the factor that each weight was multiplied with, one line for each loss.

    Args:
        protocol: whose.
        results: of its cells.
        fraction: percent of labelled images.

    Raises:
        DataError: no row with a scaled weight has a result.
    """
    values: dict[str, list[float]] = {}
    for result in results:
        value = result["metrics"][protocol.metric]["value"]
        if (result["fraction"], result.get("unlabeled", 100)) == (fraction, 100) and value:
            values.setdefault(result["method"], []).append(100 * value)
    lines = {
        loss: {f: values[row] for f, row in rows.items() if row in values}
        for loss, rows in SENSITIVITY.items()
    }
    if not any(factor != 1 for line in lines.values() for factor in line):
        raise DataError(
            f"no row with a scaled weight has a result for {protocol.name}",
            do="Without --show, --figure 3 trains them.",
        )
    figure, (axes,) = _figure(1)
    for i, (loss, line) in enumerate(lines.items()):
        colour = as_hex(SERIES[i])
        means = [float(np.mean(several)) for several in line.values()]
        axes.plot(list(line), means, "o-", color=colour, lw=2, label=_LOSSES[loss])
        for factor, several in line.items():
            if len(several) > 1:
                shared = as_hex(GREY) if factor == 1 else colour
                axes.plot([factor] * len(several), several, "_", color=shared, ms=12)
    if WHOLE in values:
        axes.axhline(float(np.mean(values[WHOLE])), color=as_hex(GREY), lw=1, ls="--", zorder=0)
    # A range that is no smaller than this: differences of a point should not look like more.
    low, high = axes.get_ylim()
    spare = max(0.0, _SPAN - (high - low)) / 2
    factors = sorted({factor for line in lines.values() for factor in line})
    axes.set(
        xscale="log",
        ylim=(low - spare, high + spare),
        xlabel="weight, as a multiple of the protocol's (dashed: unchanged; ticks: seeds)",
        ylabel=f"{protocol.metric} (%) at {fraction:g} % labels",
    )
    axes.set_title(protocol.title, fontsize=10)
    axes.set_xticks(factors, [f"{factor:g}" for factor in factors])
    axes.minorticks_off()
    axes.legend(frameon=False)
    return figure


# -- figure 4 ------------------------------------------------------------------------------------


def embeddings(
    protocol: Protocol, runs: Path, fraction: float
) -> tuple[list[dict[str, Any]], Skeleton]:
    """Representations on test images, mapped to two dimensions by t-SNE.

    Args:
        protocol: whose.
        runs: where the trainings of the figure's cells were kept.
        fraction: percent of labelled images.

    Returns:
        for each row ``name``, ``silhouette`` (of the representations themselves), ``channels``,
        ``points``, ``places`` (N, 2) and ``keypoints`` (N,); and the skeleton.

    Raises:
        DataError: a training is not there.
    """
    from sklearn.manifold import TSNE

    kept: dict[str, Run] = {}
    for name, row in FIGURES[4].rows.items():
        folder = runs / protocol.name / f"{row}-{fraction:g}-seed0"
        if not (folder / "model.safetensors").exists():
            raise DataError(
                f"the training of {row} was not kept",
                where=folder,
                do="If it lies elsewhere, name that folder with --runs. If it is gone, remove "
                f"{folder.name}.json from the results, and --figure 4 trains it again.",
            )
        kept[name] = Run.open(folder)
    rule = protocol.split
    test = split_dataset(protocol.open_data(), ranges=rule.ranges, groups=rule.groups).test
    panels = []
    for name, run in kept.items():
        z, keypoints = representations(run, test, most=_INSTANCES)
        perplexity = min(30.0, (len(z) - 1) / 3)
        places = TSNE(perplexity=perplexity, init="pca", random_state=0).fit_transform(z)
        panels.append(
            {
                "name": name,
                "silhouette": silhouette(z, keypoints),
                "channels": z.shape[1],
                "points": len(z),
                "places": places,
                "keypoints": keypoints,
            }
        )
    return panels, run.skeleton


def clusters(title: str, panels: Sequence[Mapping[str, Any]], skeleton: Skeleton) -> Figure:
    """Two-dimensional places, coloured by keypoint; a pair has one colour, its right point hollow.

    Args:
        title: of the whole.
        panels: as :func:`embeddings` gives them.
        skeleton: whose keypoints they are.
    """
    styles = _styles(skeleton)
    figure, all_axes = _figure(len(panels))
    for axes, panel in zip(all_axes, panels, strict=True):
        for k, style in enumerate(styles):
            mine = panel["places"][panel["keypoints"] == k]
            axes.plot(mine[:, 0], mine[:, 1], ls="", ms=3.5, mew=0.8, **style)
        axes.set(xticks=[], yticks=[])
        axes.set_title(f"{panel['name']}: silhouette {panel['silhouette']:.2f}", fontsize=10)
    handles = [
        Line2D([], [], ls="", ms=6, label=name, **style)
        for name, style in zip(skeleton.keypoints, styles, strict=True)
    ]
    figure.legend(handles=handles, loc="outside right center", frameon=False, fontsize=8)
    figure.suptitle(title, fontsize=10)
    return figure


def _styles(skeleton: Skeleton) -> list[dict[str, Any]]:
    """How each keypoint is drawn: pairs and single points take colours, then shapes, in turn."""
    partner = {right: left for left, right in skeleton.flip_pairs}
    first = [k for k in range(len(skeleton)) if k not in partner]
    styles: list[dict[str, Any]] = []
    for k in range(len(skeleton)):
        shape, colour = divmod(first.index(partner.get(k, k)), len(SERIES))
        filled = as_hex(SERIES[colour])
        styles.append(
            {
                "marker": "o^sD"[shape % 4],
                "mfc": "none" if k in partner else filled,
                "mec": filled,
            }
        )
    return styles


def _figure(panels: int) -> tuple[Figure, list[Axes]]:
    figure = Figure(figsize=(6.4 if panels == 1 else 4.6 * panels + 1.4, 4.6), layout="constrained")
    FigureCanvasAgg(figure)
    axes = [figure.add_subplot(1, panels, i + 1) for i in range(panels)]
    for one in axes:
        one.spines[["top", "right"]].set_visible(False)
    return figure, axes
