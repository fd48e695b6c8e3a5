"""Example pictures of truth and prediction, and sheets of many pictures."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np

from pointillist.dataset import Box, Dataset, Image, Instance
from pointillist.errors import DataError
from pointillist.metrics import Pairs, lengths_of, match
from pointillist.metrics.pck import usable
from pointillist.report.draw import draw_comparison

#: Longest side of an example picture, in pixels.
LONGEST = 480
#: Side of the square around an instance, relative to its longest side.
_MARGIN = 1.5
_GAP = 8
_TITLE = 22
_PAPER = 255


@dataclass(frozen=True)
class Example:
    """One instance with its prediction, drawn.

    Args:
        image: (H, W, 3) uint8, RGB.
        caption: the file and how far off the prediction is.
    """

    image: np.ndarray
    caption: str


def examples(
    truth: Dataset,
    predicted: Dataset,
    *,
    read: Callable[[Dataset, Image], np.ndarray],
    count: int = 12,
    paired: bool = False,
) -> tuple[list[Example], list[str]]:
    """Instances from the best predicted to the worst, at even steps of rank, truth against guess.

    Even steps show what is typical: the first picture is the best, the last the worst, the one in
    the middle has the median error. An instance's error is the mean distance of its points over
    the longest side of its box; a missed instance comes last.

    Args:
        truth: the annotated data set.
        predicted: the same images with predicted instances.
        read: gives an image's pixels, (H, W, 3) uint8 RGB; what raises a DataError is left out.
        count: number of pictures.
        paired: see :func:`pointillist.metrics.score`.

    Returns:
        the pictures in order of their error, and one line for each that could not be read.
    """
    matches = match(truth, predicted, paired=paired)
    errors = _errors(matches.pairs)
    pictures, problems = [], []
    for row in _at_even_ranks(errors, count):
        image, _ = matches.images[matches.pairs.image[row]]
        try:
            pixels = read(truth, image)
        except DataError as error:
            problems.append(str(error))
            continue
        pictures.append(_example(pixels, image, matches.pairs, row, float(errors[row])))
    return pictures, problems


def side_by_side(
    truth: Dataset,
    predicted: Sequence[Dataset],
    *,
    read: Callable[[Dataset, Image], np.ndarray],
    count: int = 6,
) -> list[np.ndarray]:
    """The same instances as several networks see them, one prediction for each instance.

    They are taken at even steps of rank by their mean error over all networks.

    Args:
        truth: the annotated data set.
        predicted: from each network the same images, with an instance for each of the truth's.
        read: gives an image's pixels, (H, W, 3) uint8 RGB.
        count: number of instances.

    Returns:
        pictures (H, W, 3) uint8, instance by instance: one from every network.
    """
    matches = [match(truth, one, paired=True) for one in predicted]
    errors = np.stack([_errors(m.pairs) for m in matches])
    pictures = []
    for row in _at_even_ranks(errors.mean(axis=0), count):
        image, _ = matches[0].images[matches[0].pairs.image[row]]
        pixels = read(truth, image)
        for found, error in zip(matches, errors[:, row], strict=True):
            pictures.append(_example(pixels, image, found.pairs, row, float(error)).image)
    return pictures


def _at_even_ranks(errors: np.ndarray, count: int) -> list[int]:
    """Rows from the smallest to the largest error (N,), without those that have none."""
    order = np.argsort(errors, kind="stable")
    order = order[~np.isnan(errors[order])]
    steps = np.linspace(0, len(order) - 1, min(count, len(order)))
    return [int(row) for row in order[np.round(steps).astype(int)]]


def _errors(pairs: Pairs) -> np.ndarray:
    """(N,) mean distance over length; infinite where missed, NaN where there is no length."""
    lengths = lengths_of(pairs, "bbox").values
    shares = pairs.distances / np.where(usable(lengths), lengths, np.nan)[:, None]
    found = ~np.isnan(shares)
    total = np.where(found, shares, 0).sum(axis=1)
    missed = np.isnan(pairs.distances).all(axis=1)
    with np.errstate(invalid="ignore"):
        return np.where(missed, np.inf, total / found.sum(axis=1))


def _example(pixels: np.ndarray, image: Image, pairs: Pairs, row: int, error: float) -> Example:
    true = pairs.truth[row]
    found = ~np.isnan(pairs.predicted[row, :, 0])
    confidence = pairs.confidence[row]
    guess = Instance(
        pairs.predicted[row],
        np.where(found, 2, 0),
        confidence=None if np.isnan(confidence[found]).any() else confidence,
    )
    region = around(true, pixels.shape[1], pixels.shape[0])
    cut, (true, guess) = enlarge(pixels, [true, guess], region)
    drawn = draw_comparison(cut, [true], [guess if found.any() else None], pairs.skeleton)
    frame = "" if image.frame is None else f", frame {image.frame}"
    how = "missed" if np.isinf(error) else f"mean error {100 * error:.1f} % of the box"
    return Example(drawn, f"{Path(image.path).name}{frame}: {how}")


def around(instance: Instance, width: int, height: int) -> Box:
    """The part of an image around an instance, as large as the image allows; the whole if unknown.

    Args:
        instance: its box is used, else its points.
        width, height: of the image, in pixels.

    Returns:
        x, y, width, height in whole pixels inside the image.
    """
    box = instance.reference_box()
    side = 0.0 if box is None else _MARGIN * max(box[2], box[3])
    if box is None or side < 1:
        return (0.0, 0.0, float(width), float(height))
    middle = np.array([box[0] + box[2] / 2, box[1] + box[3] / 2])
    limit = np.array([width, height], dtype=np.float64)
    low = np.clip(np.floor(middle - side / 2), 0, limit - 1)
    high = np.clip(np.ceil(middle + side / 2), low + 1, limit)
    x, y, right, bottom = (float(v) for v in (*low, *high))
    return (x, y, right - x, bottom - y)


def enlarge(
    image: np.ndarray,
    instances: Sequence[Instance],
    region: Box | None = None,
    *,
    longest: int = LONGEST,
) -> tuple[np.ndarray, list[Instance]]:
    """A part of an image at another size, with the points moved along.

    Args:
        image: (H, W, 3) uint8.
        instances: points in this image's pixels.
        region: x, y, width, height in whole pixels inside the image; all of it without.
        longest: longest side of the result.

    Returns:
        the picture, and the instances with only their points, at the place that they had.
    """
    x, y, width, height = (int(v) for v in region or (0, 0, image.shape[1], image.shape[0]))
    scale = longest / max(width, height)
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    method = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    picture = cv2.resize(image[y : y + height, x : x + width], size, interpolation=method)
    # A resized picture keeps its corners at 0 and (width, height): points scale, and that is all.
    factor = np.array(size) / (width, height)
    moved = [
        replace(i, points=(i.points - (x, y)) * factor, box=None, head_box=None) for i in instances
    ]
    return picture, moved


def contact_sheet(
    images: Sequence[np.ndarray],
    columns: int,
    *,
    titles: Sequence[str] = (),
    cell: int = 320,
) -> np.ndarray:
    """Pictures side by side on white, each fitted into a square cell.

    Args:
        images: (H, W, 3) uint8 each, at least one; they may differ in size.
        columns: cells in a row.
        titles: written over the cells of the first row; fewer than ``columns`` leave gaps.
        cell: side of a cell, in pixels.

    Returns:
        (H, W, 3) uint8.
    """
    if not images or columns < 1:
        raise ValueError("a contact sheet needs at least one image and one column")
    columns = min(columns, len(images))
    rows = -(-len(images) // columns)
    head = _TITLE if titles else 0
    sheet = np.full(
        (head + rows * (cell + _GAP) + _GAP, columns * (cell + _GAP) + _GAP, 3), _PAPER, np.uint8
    )
    for index, image in enumerate(images):
        picture, _ = enlarge(image, [], longest=cell)
        height, width = picture.shape[:2]
        top = head + _GAP + index // columns * (cell + _GAP) + (cell - height) // 2
        left = _GAP + index % columns * (cell + _GAP) + (cell - width) // 2
        sheet[top : top + height, left : left + width] = picture
    for column, title in enumerate(titles[:columns]):
        left = _GAP + column * (cell + _GAP)
        sheet[_GAP : head + _GAP, left : left + cell] = _text(title, cell, head)
    return sheet


def _text(text: str, width: int, height: int) -> np.ndarray:
    """A line of text, black on white, in a font that knows more than ASCII."""
    import matplotlib
    from PIL import Image as PilImage
    from PIL import ImageDraw, ImageFont

    font = ImageFont.truetype(
        str(Path(matplotlib.get_data_path()) / "fonts" / "ttf" / "DejaVuSans.ttf"), height - 8
    )
    line = PilImage.new("RGB", (width, height), "white")
    ImageDraw.Draw(line).text((2, 1), text, fill="black", font=font)
    return np.array(line)
