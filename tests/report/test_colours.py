import itertools

import numpy as np

from pointillist.report.colours import (
    LEFT,
    MIDDLE,
    RIGHT,
    SERIES,
    as_hex,
    edge_colour,
    legend,
    point_colours,
)
from pointillist.skeleton import Skeleton

# Linear RGB as it looks without green-sensitive (deuteranopia) and without red-sensitive cones
# (protanopia), Machado et al., IEEE TVCG 2009, severity 1.
BLINDNESS = {
    "deutan": [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413],
               [-0.011820, 0.042940, 0.968881]],
    "protan": [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216],
               [-0.003882, -0.048116, 1.051998]],
}  # fmt: skip


def seen(colour, matrix):
    share = np.array(colour) / 255
    linear = np.where(share <= 0.04045, share / 12.92, ((share + 0.055) / 1.055) ** 2.4)
    return np.clip(np.array(matrix) @ linear, 0, 1)


def test_left_right_and_middle_stay_apart_for_the_colour_blind():
    for matrix in (*BLINDNESS.values(), np.eye(3)):
        for a, b in itertools.combinations((LEFT, RIGHT, MIDDLE), 2):
            assert np.linalg.norm(seen(a, matrix) - seen(b, matrix)) > 0.3


def test_points_have_the_colour_of_their_side():
    skeleton = Skeleton(("r", "nose", "l"), flip_pairs=((2, 0),))
    assert point_colours(skeleton) == [RIGHT, MIDDLE, LEFT]


def test_without_pairs_neighbours_differ_and_the_legend_names_them():
    skeleton = Skeleton(tuple("abcdefgh"))
    colours = point_colours(skeleton)
    assert len(set(colours[:7])) == 7
    assert colours[7] == colours[0]
    assert legend(skeleton) == list(zip(colours, "abcdefgh", strict=True))
    paired = Skeleton(("r", "l"), flip_pairs=((1, 0),))
    assert [name for _, name in legend(paired)] == ["left", "right", "middle"]


def test_edges_have_their_ends_side():
    assert edge_colour(LEFT, LEFT) == edge_colour(MIDDLE, LEFT) == LEFT
    assert edge_colour(RIGHT, MIDDLE) == RIGHT
    assert edge_colour(LEFT, RIGHT) == edge_colour(MIDDLE, MIDDLE) == MIDDLE


def test_hex():
    assert as_hex((0, 114, 255)) == "#0072ff"
    assert len(set(SERIES)) == len(SERIES)
