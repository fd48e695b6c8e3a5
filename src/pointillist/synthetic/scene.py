"""What the picture looks like: coat, light, background, things in front, the camera's faults."""

from __future__ import annotations

import colorsys
import math
from dataclasses import dataclass

import cv2
import numpy as np

from pointillist.synthetic.anatomy import PARTS, Body
from pointillist.synthetic.drawing import BACKGROUND, FRONT, SUPERSAMPLING, Outline, paint_stick

_TILE = 64  # side of the noise tile that coats are patterned with


@dataclass(frozen=True)
class Coat:
    """Colours (RGB, 0 to 1) and pattern of a creature."""

    base: np.ndarray
    mark: np.ndarray
    kind: str
    frequency: float
    sharpness: float
    noise: np.ndarray  # (_TILE, _TILE), about -1 to 1
    fur: float
    belly: float  # how much lighter it is below
    part_colors: np.ndarray  # (P, 3)
    part_mix: np.ndarray  # (P,) how much of it shows


def _color(rng: np.random.Generator) -> np.ndarray:
    """Mostly the colours of earth and fur, sometimes any."""
    if rng.random() < 0.65:
        hue, saturation = rng.normal(0.08, 0.04) % 1, rng.uniform(0.05, 0.65)
    else:
        hue, saturation = rng.random(), rng.uniform(0.1, 0.7)
    return np.array(colorsys.hsv_to_rgb(hue, saturation, rng.uniform(0.22, 0.98)))


def _noise(rng: np.random.Generator, cells: int, shape: tuple[int, int]) -> np.ndarray:
    """Smooth noise, (H, W) float32 in about -1 to 1, with ``cells`` grains along each side."""
    grains = rng.uniform(-1, 1, (cells, cells)).astype(np.float32)
    return cv2.resize(grains, shape[::-1], interpolation=cv2.INTER_CUBIC)


def sample_coat(rng: np.random.Generator) -> Coat:
    """A random coat, the same on the left and the right."""
    base, mark = _color(rng), _color(rng)
    colors = np.tile(base, (len(PARTS), 1))
    mix = np.zeros(len(PARTS))

    def paint(color: np.ndarray, amount: float, *words: str) -> None:
        for i, part in enumerate(PARTS):
            if any(word in part for word in words):
                colors[i], mix[i] = color, amount

    for words in (("lower", "paw"), ("paw",), ("head",), ("ear",), ("tail",), ("rump",)):
        if rng.random() < 0.2:
            paint(mark if rng.random() < 0.6 else _color(rng), rng.uniform(0.4, 1), *words)
    dark = rng.uniform(0.02, 0.2)
    paint(np.array((dark, dark, dark)) if rng.random() < 0.6 else _color(rng), 1.0, "eye")
    paint(np.array((dark * 1.6, dark, dark)) if rng.random() < 0.6 else _color(rng), 1.0, "nose")
    return Coat(
        base=base,
        mark=mark,
        kind=str(rng.choice(("plain", "stripes", "spots", "patches", "gradient"))),
        frequency=math.exp(rng.uniform(math.log(3.5), math.log(11))),
        sharpness=rng.uniform(1.5, 8),
        noise=_noise(rng, 16, (_TILE, _TILE)),
        fur=rng.uniform(0, 0.22),
        belly=max(0.0, rng.normal(0.12, 0.2)),
        part_colors=colors,
        part_mix=mix,
    )


def paint_front(rng: np.random.Generator, pieces: np.ndarray, size: tuple[int, int]) -> None:
    """In a quarter of the pictures, stalks stand before the creature."""
    if rng.random() > 0.25:
        return
    frame = np.array(size, dtype=float)
    for _ in range(rng.integers(1, 5)):
        foot = frame * (rng.uniform(0, 1), rng.uniform(0.9, 1.1))
        angle, length = rng.normal(0, 0.35), rng.uniform(0.25, 0.9) * frame[1]
        top = foot + length * np.array((math.sin(angle), -math.cos(angle)))
        thickness = rng.uniform(0.006, 0.02) * frame.min()
        paint_stick(pieces, foot, top, thickness, 0.5 * thickness)


def paint_picture(
    rng: np.random.Generator,
    pieces: np.ndarray,
    flat: Outline,
    body: Body,
    shadow: np.ndarray,
    size: tuple[int, int],
) -> np.ndarray:
    """Colours a map of pieces and puts it before a background.

    Args:
        rng: decides coat, light and surroundings.
        pieces: the map, with what stands in front.
        flat: the pieces in it.
        body: the creature in three dimensions.
        shadow: (V, 2) outline of the shadow on the ground, in pixels.
        size: width and height.

    Returns:
        (H, W, 3) uint8 RGB.
    """
    # Streams of their own: the surroundings do not depend on how much of them the creature hides.
    coat_rng, scenery_rng, light_rng, camera_rng = rng.spawn(4)
    coat = sample_coat(coat_rng)
    scenery = _background(scenery_rng, coat, shadow, size)
    canvas = np.repeat(np.repeat(scenery, SUPERSAMPLING, axis=0), SUPERSAMPLING, axis=1)
    flat_canvas, labels = canvas.reshape(-1, 3), pieces.ravel()
    in_front = np.flatnonzero(labels == FRONT)
    flat_canvas[in_front] = 255 * _color(scenery_rng)
    creature = np.flatnonzero((labels != BACKGROUND) & (labels != FRONT))
    colors = _creature_colors(
        light_rng, coat, labels[creature], creature, pieces.shape[1], flat, body
    )
    flat_canvas[creature] = np.clip(255 * colors, 0, 255)
    return _photograph(camera_rng, cv2.resize(canvas, size, interpolation=cv2.INTER_AREA))


def _creature_colors(
    rng: np.random.Generator,
    coat: Coat,
    labels: np.ndarray,
    where: np.ndarray,
    width: int,
    flat: Outline,
    body: Body,
) -> np.ndarray:
    """(n, 3) float32 colours of the samples ``where`` (flat indices into the map of pieces).

    Each piece is shaded as the round, tapered thing it is, with its coat wrapped round it.
    """
    along = (flat.end - flat.start) * SUPERSAMPLING
    length = np.maximum(np.hypot(along[:, 0], along[:, 1]), 1e-6)
    piece = flat.body_piece
    part = body.part[piece]
    nearness = (flat.depth.max() - flat.depth) / max(float(np.ptp(flat.depth)), 1e-6)
    table = np.column_stack((
        flat.start * SUPERSAMPLING - 0.5,  # 0, 1: one end, counted from the centre of a sample
        along / length[:, None],  # 2, 3: direction of the axis
        length,  # 4
        flat.start_radius * SUPERSAMPLING,  # 5
        (flat.end_radius - flat.start_radius) * SUPERSAMPLING,  # 6
        body.along[piece, 0] + 0.37 * part,  # 7: along the part, offset so that parts differ
        body.along[piece, 1] - body.along[piece, 0],  # 8
        body.start_radius[piece],  # 9
        nearness,  # 10
        coat.part_mix[part],  # 11
        coat.part_colors[part],  # 12, 13, 14
        np.where(body.open[piece], (-1.0, 2.0), (0.0, 1.0)),  # 15, 16: reach of the axis
    )).astype(np.float32)  # fmt: skip
    t = table[labels.astype(np.intp) - 1].T
    row, column = np.divmod(where, width)
    x, y = column.astype(np.float32) - t[0], row.astype(np.float32) - t[1]
    u = np.clip((x * t[2] + y * t[3]) / t[4], t[15], t[16])
    radius = np.maximum(t[5] + u * t[6], 0.5)
    x, y = (x - u * t[4] * t[2]) / radius, (y - u * t[4] * t[3]) / radius
    flatness = np.minimum(x * x + y * y, 1.0)
    outward = np.sqrt(1.0 - flatness)

    across = np.arcsin(np.clip(y * t[2] - x * t[3], -1, 1)) * t[9]
    pattern = _pattern(coat, t[7] + u * t[8], across)
    color = coat.base + (coat.mark - coat.base) * pattern[:, None]
    color = color.astype(np.float32)
    color += (t[12:15].T - color) * t[11][:, None]

    angle = rng.normal(0, 0.7)
    light = np.array((math.sin(angle), -math.cos(angle), 0.8)) / math.hypot(1, 0.8)
    ambient = rng.uniform(0.35, 0.75)
    lit = np.maximum(x * light[0] + y * light[1] + outward * light[2], 0)
    shade = ambient + (1.05 - ambient) * lit
    shade *= 1 - rng.uniform(0.05, 0.35) * (1 - t[10])
    shade *= 0.75 + 0.25 * outward  # the rim turns away: parts stand out from each other
    shade += coat.belly * np.maximum(y, 0)
    shade += coat.fur * (rng.random(len(shade), dtype=np.float32) - 0.5)
    return color * shade[:, None]


def _pattern(coat: Coat, along: np.ndarray, across: np.ndarray) -> np.ndarray:
    """(n,) how much of the coat's mark shows, 0 to 1, at places on the creature's skin."""
    if coat.kind == "plain":
        return np.zeros_like(along)
    scale = coat.frequency * (0.9 if coat.kind == "patches" else 3.0)
    i = (along * scale * 4).astype(np.int32) & (_TILE - 1)
    j = (across * scale * 4).astype(np.int32) & (_TILE - 1)
    noise = coat.noise[i, j]
    if coat.kind == "stripes":
        value = np.sin(2 * np.pi * coat.frequency * along + 1.5 * noise)
    elif coat.kind == "gradient":
        value = 1.2 * np.sin(2.0 * along + coat.frequency) + 0.3 * noise
    else:
        value = 2 * (noise - 0.15)
    return np.clip(0.5 + 0.5 * coat.sharpness * value, 0, 1)


def _background(
    rng: np.random.Generator, coat: Coat, shadow: np.ndarray, size: tuple[int, int]
) -> np.ndarray:
    """(H, W, 3) uint8: ground and sky or a wall, grain, clutter, and limbs that are nobody's."""
    width, height = size
    low, high = _color(rng), _color(rng)
    if rng.random() < 0.15:  # camouflage: the creature's own colours, but for the brightness
        darker, lighter = rng.uniform(0.4, 0.7), rng.uniform(1.3, 1.7)
        low, high = rng.permutation((coat.base * darker, coat.mark * lighter))
    rows = np.linspace(0, 1, height, dtype=np.float32)[:, None]
    horizon, softness = rng.uniform(0.1, 1.1), math.exp(rng.uniform(-4, 0.5))
    blend = np.clip((rows - horizon) / softness + 0.5, 0, 1)
    blend = blend + rng.uniform(0, 0.5) * _noise(rng, int(rng.integers(3, 9)), (height, width))
    picture = high.astype(np.float32) + blend[..., None] * (low - high).astype(np.float32)
    grain = rng.uniform(0, 0.1) * _noise(rng, int(rng.integers(20, 60)), (height, width))
    grain += rng.uniform(0, 0.15) * _noise(rng, int(rng.integers(6, 16)), (height, width))
    picture = np.clip(255 * (picture + grain[..., None]), 0, 255).astype(np.uint8)

    unit = min(width, height)
    for _ in range(rng.integers(0, 12)):
        _clutter(rng, picture, coat, unit)
    if rng.random() < 0.7:
        dark = np.full(picture.shape[:2], 255, dtype=np.uint8)
        corners = np.rint((shadow - 0.5) * 16).astype(np.int32)
        cv2.fillPoly(dark, [corners], int(rng.uniform(110, 220)), cv2.LINE_AA, 4)
        dark = cv2.blur(dark, (unit // 12 + 1, unit // 20 + 1))
        picture = cv2.multiply(picture, cv2.merge((dark, dark, dark)), scale=1 / 255)
    for _ in range(rng.integers(0, 5)):
        _limb(rng, picture, coat, unit)
    return picture


def _clutter(rng: np.random.Generator, picture: np.ndarray, coat: Coat, unit: int) -> None:
    """An ellipse or a polygon of some colour."""
    height, width = picture.shape[:2]
    color = tuple(float(v) for v in 255 * (coat.base if rng.random() < 0.15 else _color(rng)))
    x, y = rng.uniform(0, width), rng.uniform(0, height)
    reach = unit * rng.uniform(0.03, 0.25)
    if rng.random() < 0.5:
        axes = (int(8 * reach), int(8 * reach * rng.uniform(0.3, 1)))
        cv2.ellipse(
            picture, (int(8 * x), int(8 * y)), axes, rng.uniform(0, 180), 0, 360, color, -1,
            cv2.LINE_AA, 3,
        )  # fmt: skip
    else:
        angles = np.sort(rng.uniform(0, 2 * np.pi, rng.integers(3, 7)))
        corners = np.stack((x + reach * np.cos(angles), y + reach * np.sin(angles)), axis=1)
        cv2.fillPoly(picture, [np.rint(8 * corners).astype(np.int32)], color, cv2.LINE_AA, 3)


def _limb(rng: np.random.Generator, picture: np.ndarray, coat: Coat, unit: int) -> None:
    """A bent stick about as thick as a leg, often in the creature's colours."""
    height, width = picture.shape[:2]
    fur = coat.base if rng.random() < 0.5 else _color(rng)
    color = tuple(float(v) for v in 255 * fur * rng.uniform(0.6, 1.0))
    at = np.array((rng.uniform(0, width), rng.uniform(0, height)))
    thickness = max(1, round(unit * rng.uniform(0.015, 0.06)))
    heading = rng.uniform(0, 2 * np.pi)
    for _ in range(rng.integers(1, 4)):
        step = unit * rng.uniform(0.1, 0.25) * np.array((math.cos(heading), math.sin(heading)))
        start, end = np.rint(8 * np.stack((at, at + step))).astype(int).tolist()
        cv2.line(picture, start, end, color, thickness, cv2.LINE_AA, 3)
        at, heading = at + step, heading + rng.normal(0, 0.7)


def _photograph(rng: np.random.Generator, picture: np.ndarray) -> np.ndarray:
    """Exposure, contrast, cast, blur and noise of a camera."""
    if rng.random() < 0.6:
        picture = cv2.GaussianBlur(picture, (0, 0), rng.uniform(0.3, 0.9))
    gain = rng.uniform(0.75, 1.2) * rng.uniform(0.92, 1.08, 3)
    offset = rng.uniform(-15, 30)
    noisy = picture * gain.astype(np.float32) + np.float32(offset)
    noisy += rng.standard_normal(picture.shape, dtype=np.float32) * np.float32(rng.uniform(0, 10))
    return np.clip(noisy, 0, 255).astype(np.uint8)
