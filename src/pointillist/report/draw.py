"""Points and edges drawn into an image, where they are to a fraction of a pixel."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import cv2
import numpy as np

from pointillist.dataset import Instance
from pointillist.report.colours import (
    BLACK,
    WHITE,
    Colour,
    edge_colour,
    point_colours,
)
from pointillist.skeleton import Skeleton

# OpenCV takes coordinates as whole numbers of 2^-SHIFT pixels.
_SHIFT = 6
_SCALE = 1 << _SHIFT
#: Points further outside than this many pixels are cut off, for OpenCV's sake (32-bit integers).
_FAR = 1e6
#: Opacity and size of a point with confidence 0, relative to one with confidence 1.
_FAINTEST, _SMALLEST = 0.25, 0.6


def draw_points(
    image: np.ndarray,
    instances: Sequence[Instance],
    skeleton: Skeleton,
    *,
    radius: float | None = None,
) -> np.ndarray:
    """A copy of the image with the skeletons of all instances drawn over it.

    Left points and edges are sky blue, right ones vermillion, those in the middle yellow; where no
    pairs are known points have several colours in turn. Each has a thin black rim. Where an
    instance has confidences, a less confident point is fainter and smaller.

    Args:
        image: (H, W, 3) uint8, RGB.
        instances: points in this image's pixels; those that are not annotated are not drawn.
        skeleton: of these points.
        radius: of a point, in pixels; fitted to image and instance without it.

    Returns:
        (H, W, 3) uint8, RGB.
    """
    canvas = _canvas(image)
    colours = point_colours(skeleton)
    for instance in instances:
        size = _fitting_radius(canvas, instance) if radius is None else radius
        confidence = _confidence(instance)
        _draw_edges(canvas, instance, skeleton, colours, confidence, size)
        for k in np.flatnonzero(instance.annotated):
            _dot(
                canvas,
                instance.points[k],
                size * (_SMALLEST + (1 - _SMALLEST) * confidence[k]),
                colours[k],
                _opacity(confidence[k]),
            )
    return canvas


def draw_comparison(
    image: np.ndarray,
    truth: Sequence[Instance],
    predicted: Sequence[Instance | None],
    skeleton: Skeleton,
    *,
    radius: float | None = None,
) -> np.ndarray:
    """A copy of the image with predictions as dots, the truth as white rings, lines between them.

    Args:
        image: (H, W, 3) uint8, RGB.
        truth: annotated instances.
        predicted: the prediction of each, none where it was missed.
        skeleton: of these points.
        radius: of a point, in pixels; fitted to image and instance without it.

    Returns:
        (H, W, 3) uint8, RGB.
    """
    canvas = _canvas(image)
    colours = point_colours(skeleton)
    for true, guess in zip(truth, predicted, strict=True):
        size = _fitting_radius(canvas, true) if radius is None else radius
        if guess is not None:
            confidence = _confidence(guess)
            _draw_edges(canvas, guess, skeleton, colours, confidence, size)
            for k in np.flatnonzero(true.annotated & guess.annotated):
                _line(canvas, true.points[k], guess.points[k], size / 3, WHITE, 0.9)
        for k in np.flatnonzero(true.annotated):
            _ring(canvas, true.points[k], size * 1.4, WHITE)
        if guess is not None:
            for k in np.flatnonzero(guess.annotated):
                _dot(canvas, guess.points[k], size * 0.8, colours[k], _opacity(confidence[k]))
    return canvas


def _canvas(image: np.ndarray) -> np.ndarray:
    if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3:
        raise ValueError(f"an image of shape (H, W, 3) in uint8, not {image.shape} {image.dtype}")
    return np.ascontiguousarray(image).copy()


def _fitting_radius(image: np.ndarray, instance: Instance) -> float:
    """A hundredth of the image, but no more than a 35th of the instance; at least 1.5 px."""
    whole = max(image.shape[:2]) / 100
    extent = instance.extent()
    spread = max(extent[2:]) / 35 if extent else whole
    return float(max(1.5, min(whole, spread) if spread > 0 else whole))


def _confidence(instance: Instance) -> np.ndarray:
    if instance.confidence is None:
        return np.ones(len(instance.visibility))
    return np.clip(np.nan_to_num(instance.confidence, nan=1.0), 0.0, 1.0)


def _opacity(confidence: float) -> float:
    return float(_FAINTEST + (1 - _FAINTEST) * confidence)


def _draw_edges(
    canvas: np.ndarray,
    instance: Instance,
    skeleton: Skeleton,
    colours: list[Colour],
    confidence: np.ndarray,
    radius: float,
) -> None:
    for a, b in skeleton.edges:
        if instance.annotated[a] and instance.annotated[b]:
            opacity = 0.8 * _opacity(min(confidence[a], confidence[b]))
            ends = instance.points[a], instance.points[b]
            _line(canvas, *ends, radius * 0.7, edge_colour(colours[a], colours[b]), opacity)


def _dot(
    canvas: np.ndarray, point: np.ndarray, radius: float, colour: Colour, opacity: float
) -> None:
    rim = max(0.75, radius * 0.2)
    _disc(canvas, point, radius + rim, BLACK, opacity)
    _disc(canvas, point, radius, colour, opacity)


def _disc(
    canvas: np.ndarray, point: np.ndarray, radius: float, colour: Colour, opacity: float
) -> None:
    def draw(mask: np.ndarray, corner: np.ndarray) -> None:
        size = round(radius * _SCALE)
        cv2.circle(mask, _fixed(point - corner), size, 255, -1, cv2.LINE_AA, _SHIFT)

    _paint(canvas, np.array([point]), radius + 1, draw, colour, opacity)


def _ring(canvas: np.ndarray, point: np.ndarray, radius: float, colour: Colour) -> None:
    width = max(1, round(radius * 0.2))
    for thickness, shade in ((width + 2, BLACK), (width, colour)):

        def draw(mask: np.ndarray, corner: np.ndarray, thickness: int = thickness) -> None:
            size = round(radius * _SCALE)
            cv2.circle(mask, _fixed(point - corner), size, 255, thickness, cv2.LINE_AA, _SHIFT)

        _paint(canvas, np.array([point]), radius + thickness, draw, shade, 1.0)


def _line(
    canvas: np.ndarray,
    start: np.ndarray,
    end: np.ndarray,
    width: float,
    colour: Colour,
    opacity: float,
) -> None:
    thickness = max(1, round(width))

    def draw(mask: np.ndarray, corner: np.ndarray) -> None:
        ends = _fixed(start - corner), _fixed(end - corner)
        cv2.line(mask, *ends, 255, thickness, cv2.LINE_AA, _SHIFT)

    _paint(canvas, np.array([start, end]), thickness + 1, draw, colour, opacity)


def _fixed(point: np.ndarray) -> tuple[int, int]:
    """A point in OpenCV's terms: whole 2^-SHIFT pixels, pixel centres at whole numbers."""
    x, y = np.round((np.clip(point, -_FAR, _FAR) - 0.5) * _SCALE).astype(int)
    return int(x), int(y)


def _paint(
    canvas: np.ndarray,
    points: np.ndarray,
    margin: float,
    draw: Callable[[np.ndarray, np.ndarray], None],
    colour: Colour,
    opacity: float,
) -> None:
    """Blends a colour into the canvas where ``draw`` fills a mask of the points' surroundings.

    Args:
        canvas: changed in place.
        points: (P, 2) what is drawn lies between these.
        margin: and at most this many pixels around them.
        draw: fills a (h, w) uint8 mask whose top-left corner is at the given pixel.
        colour: what to paint.
        opacity: of a fully covered pixel.
    """
    height, width = canvas.shape[:2]
    limit = np.array([width, height])
    # Cut before rounding: a point that is far outside must not overflow.
    low = np.clip(np.floor(points.min(axis=0) - margin), 0, limit).astype(int)
    high = np.clip(np.ceil(points.max(axis=0) + margin), 0, limit).astype(int)
    if (high <= low).any():
        return
    mask = np.zeros((high[1] - low[1], high[0] - low[0]), dtype=np.uint8)
    draw(mask, low)
    # Few pixels of an edge's surroundings are covered: only these are worth the arithmetic.
    rows, columns = np.divmod(np.flatnonzero(mask), mask.shape[1])
    share = mask[rows, columns, None].astype(np.float32) * np.float32(opacity / 255)
    rows, columns = rows + low[1], columns + low[0]
    before = canvas[rows, columns].astype(np.float32)
    after = before + (np.array(colour, dtype=np.float32) - before) * share
    canvas[rows, columns] = np.round(after).astype(np.uint8)
