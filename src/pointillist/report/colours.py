"""Colours that people with any colour vision can tell apart (Okabe and Ito, 2008)."""

from __future__ import annotations

from pointillist.skeleton import Skeleton

Colour = tuple[int, int, int]

BLACK: Colour = (0, 0, 0)
WHITE: Colour = (255, 255, 255)
ORANGE: Colour = (230, 159, 0)
SKY_BLUE: Colour = (86, 180, 233)
GREEN: Colour = (0, 158, 115)
YELLOW: Colour = (240, 228, 66)
BLUE: Colour = (0, 114, 178)
VERMILLION: Colour = (213, 94, 0)
PURPLE: Colour = (204, 121, 167)
GREY: Colour = (110, 110, 110)

#: Lines of a plot, in order.
SERIES = (BLUE, VERMILLION, GREEN, PURPLE, ORANGE, SKY_BLUE, BLACK)

#: Left, right and middle points, and the edges between them.
LEFT, RIGHT, MIDDLE = SKY_BLUE, VERMILLION, YELLOW


#: Points in turn where no pairs are known: neighbours in the list can then be told apart.
IN_TURN = (YELLOW, SKY_BLUE, VERMILLION, GREEN, PURPLE, BLUE, ORANGE)


def point_colours(skeleton: Skeleton) -> list[Colour]:
    """K colours: one for left points, one for right ones, one for those in no pair; without pairs
    those of :data:`IN_TURN`."""
    if not skeleton.flip_pairs:
        return [IN_TURN[k % len(IN_TURN)] for k in range(len(skeleton))]
    colours = [MIDDLE] * len(skeleton)
    for left, right in skeleton.flip_pairs:
        colours[left], colours[right] = LEFT, RIGHT
    return colours


def edge_colour(a: Colour, b: Colour) -> Colour:
    """An edge has its ends' side; one from the middle to a side has that side's; yellow is one
    between two sides, or two colours of points without sides."""
    sides = {a, b} - {MIDDLE}
    return sides.pop() if len(sides) == 1 else MIDDLE


def legend(skeleton: Skeleton) -> list[tuple[Colour, str]]:
    """What the colours mean: sides, or without pairs the names of points."""
    if skeleton.flip_pairs:
        return [(LEFT, "left"), (RIGHT, "right"), (MIDDLE, "middle")]
    return list(zip(point_colours(skeleton), skeleton.keypoints, strict=True))


def as_hex(colour: Colour) -> str:
    """``#rrggbb``, for matplotlib and HTML."""
    return "#{:02x}{:02x}{:02x}".format(*colour)
