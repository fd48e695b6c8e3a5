"""The report of an evaluation: plots as PNG files and one HTML page."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pointillist.dataset import Dataset
from pointillist.files import whole_file, write_json, write_text
from pointillist.report.colours import legend
from pointillist.report.html import Picture, page, photograph
from pointillist.report.pictures import contact_sheet, examples
from pointillist.report.plots import metric_figures, png
from pointillist.samples import read_pixels

#: Pictures side by side in ``predictions.jpg``.
_COLUMNS = 4


def write_report(
    folder: Path,
    metrics: Mapping[str, Mapping[str, Any]],
    truth: Dataset,
    predicted: Dataset,
    *,
    title: str = "Evaluation",
    intro: str = "",
    config: Mapping[str, Any] | None = None,
) -> list[str]:
    """Writes ``index.html``, ``metrics.json``, ``predictions.jpg`` and a PNG file for every plot.

    Args:
        folder: to write to.
        metrics: scores as :func:`pointillist.metrics.score` gives them.
        truth, predicted: what they rest on.

    Returns:
        one line for each picture that could not be read.
    """
    plots = []
    for number, (caption, figure) in enumerate(metric_figures(metrics).items(), start=1):
        data = png(figure)
        plots.append(Picture(data, caption))
        with whole_file(folder / f"plot-{number}.png") as file:
            file.write_bytes(data)
    # Only where predictions had to be matched to instances can there be one too many.
    paired = "extra_instances" not in metrics
    shown, problems = examples(truth, predicted, read=read_pixels, paired=paired)
    photographs = [photograph(example.image, example.caption) for example in shown]
    if shown:
        sheet = contact_sheet([example.image for example in shown], _COLUMNS)
        with whole_file(folder / "predictions.jpg") as file:
            file.write_bytes(photograph(sheet, "").data)
    text = page(
        title,
        intro=intro,
        metrics=metrics,
        plots=plots,
        pictures=photographs,
        colours=legend(truth.skeleton) if truth.skeleton else (),
        config=config,
    )
    write_json(folder / "metrics.json", metrics, indent=1)
    write_text(folder / "index.html", text)
    return problems
