"""One HTML page of scores and pictures that needs nothing but itself: no network, no scripts."""

from __future__ import annotations

import base64
import html
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np

from pointillist.report.colours import Colour, as_hex
from pointillist.report.tables import Table, keypoint_table, metric_table

_JPEG_QUALITY = 92


@dataclass(frozen=True)
class Picture:
    """A picture on the page.

    Args:
        data: the bytes of a PNG or JPEG file.
        caption: what it shows; also what is read out to those who cannot see it.
    """

    data: bytes
    caption: str


def photograph(image: np.ndarray, caption: str) -> Picture:
    """A picture of (H, W, 3) uint8 RGB pixels, as JPEG."""
    bgr = cv2.cvtColor(image, cv2.COLOR_RGB2BGR)
    _, data = cv2.imencode(".jpg", bgr, [cv2.IMWRITE_JPEG_QUALITY, _JPEG_QUALITY])
    return Picture(data.tobytes(), caption)


def page(
    title: str,
    *,
    intro: str = "",
    tables: Sequence[Table] = (),
    metrics: Mapping[str, Mapping[str, Any]] | None = None,
    plots: Sequence[Picture] = (),
    pictures: Sequence[Picture] = (),
    colours: Sequence[tuple[Colour, str]] = (),
    config: Mapping[str, Any] | None = None,
) -> str:
    """The whole page; write it with :func:`pointillist.files.write_text`.

    Args:
        title: of the page.
        intro: a paragraph of text under the title.
        tables: shown first.
        metrics: scores; a table of them, their definitions to unfold, a table per keypoint.
        plots: of scores.
        pictures: photographs with points.
        colours: what those of the points mean.
        config: shown as JSON, to unfold.
    """
    parts = [f"<h1>{_text(title)}</h1>"]
    if intro:
        parts.append(f"<p>{_text(intro)}</p>")
    parts += [_table(table) for table in tables]
    if metrics:
        parts += [_table(metric_table(metrics)), _definitions(metrics)]
        points = keypoint_table(metrics)
        parts += [_table(points)] if points.rows else []
    if plots:
        parts += ["<h2>Plots</h2>", _gallery(plots, "plots")]
    if pictures:
        parts += ["<h2>Pictures</h2>", _legend(colours), _gallery(pictures, "pictures")]
    if config is not None:
        text = json.dumps(config, indent=2, ensure_ascii=False, default=str)
        parts.append(f"<details><summary>Configuration</summary><pre>{_text(text)}</pre></details>")
    body = "\n".join(parts)
    return _PAGE.format(title=_text(title), style=_STYLE, body=body)


def _text(text: str) -> str:
    return html.escape(text)


def _table(table: Table) -> str:
    head = "".join(
        f'<th scope="col"{" class=prose" if column in table.prose else ""}>{_text(name)}</th>'
        for column, name in enumerate(table.columns)
    )
    rows = "\n".join(
        f'<tr><th scope="row">{_text(name)}</th>'
        + "".join(
            f"<td{' class=prose' if column in table.prose else ''}>{_text(cell)}</td>"
            for column, cell in enumerate(cells, start=1)
        )
        + "</tr>"
        for name, *cells in table.rows
    )
    return (
        f'<h2>{_text(table.title)}</h2>\n<div class="wide"><table>\n'
        f"<thead><tr>{head}</tr></thead>\n<tbody>\n{rows}\n</tbody></table></div>"
    )


def _definitions(metrics: Mapping[str, Mapping[str, Any]]) -> str:
    items = "\n".join(
        f"<dt>{_text(name)}</dt><dd>{_text(metric['definition'])}</dd>"
        for name, metric in metrics.items()
    )
    return (
        "<details><summary>What these scores mean</summary>\n<p>Intervals are bootstrap intervals "
        f"over images.</p>\n<dl>\n{items}\n</dl></details>"
    )


def _gallery(pictures: Sequence[Picture], kind: str) -> str:
    figures = "\n".join(
        f'<figure><img src="{_data_url(picture.data)}" alt="{_text(picture.caption)}">'
        f"<figcaption>{_text(picture.caption)}</figcaption></figure>"
        for picture in pictures
    )
    return f'<div class="{kind}">\n{figures}\n</div>'


def _data_url(data: bytes) -> str:
    kind = "png" if data.startswith(b"\x89PNG") else "jpeg"
    return f"data:image/{kind};base64,{base64.b64encode(data).decode('ascii')}"


def _legend(colours: Sequence[tuple[Colour, str]]) -> str:
    points = [
        f'<span><i style="background:{as_hex(colour)}"></i>{_text(name)}</span>'
        for colour, name in colours
    ]
    return " ".join(
        [
            '<p class="legend">',
            *points,
            "<span>dot: predicted, fainter where less confident</span>",
            '<span><i class="ring"></i>ring: annotated</span></p>',
        ]
    )


_PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<style>{style}</style>
</head>
<body>
<main>
{body}
</main>
</body>
</html>
"""

_STYLE = """
:root { color-scheme: light dark; --line: #8884; --soft: #8881; }
body { margin: 0; font: 16px/1.5 system-ui, sans-serif; }
main { max-width: 68rem; margin: 0 auto; padding: 1.5rem; }
h1 { font-size: 1.7rem; margin: 0 0 .5rem; }
h2 { font-size: 1.2rem; margin: 2rem 0 .6rem; }
.wide { overflow-x: auto; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; }
th, td { padding: .3rem .8rem; border-bottom: 1px solid var(--line); }
th, td { text-align: right; vertical-align: baseline; white-space: nowrap; }
th:first-child { text-align: left; padding-left: 0; }
th.prose, td.prose { text-align: left; white-space: normal; overflow-wrap: anywhere; }
td.prose { min-width: 16rem; }
tbody th { font-weight: 500; }
thead th { font-weight: 600; white-space: nowrap; }
details { margin: 1rem 0; }
summary { cursor: pointer; font-weight: 500; }
dt { font-weight: 600; margin-top: .6rem; }
dd { margin: 0; }
pre { background: var(--soft); padding: 1rem; overflow-x: auto; font-size: .85rem; }
.plots, .pictures { display: grid; gap: 1rem; }
.plots { grid-template-columns: repeat(auto-fit, minmax(min(22rem, 100%), 1fr)); }
.pictures { grid-template-columns: repeat(auto-fill, minmax(min(15rem, 100%), 1fr)); }
figure { margin: 0; }
figure img { width: 100%; display: block; border-radius: 4px; }
figcaption { font-size: .85rem; opacity: .8; overflow-wrap: anywhere; }
.legend span { margin-right: 1rem; white-space: nowrap; }
.legend i { display: inline-block; width: .8em; height: .8em; margin-right: .35em;
  border-radius: 50%; border: 1.5px solid #000; }
.legend .ring { background: none; border: 2.5px solid #fff; outline: 1px solid #000; }
"""
