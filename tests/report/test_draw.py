import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pointillist.dataset import Instance
from pointillist.report.colours import BLACK, LEFT, MIDDLE, RIGHT
from pointillist.report.draw import draw_comparison, draw_points
from pointillist.skeleton import Skeleton

PAIR = Skeleton(("left_paw", "right_paw", "nose"), edges=((0, 1), (0, 2)), flip_pairs=((0, 1),))
DOTS = Skeleton(("a",))
GREY = np.full((60, 90, 3), 100, np.uint8)


def one(point, **more):
    return Instance(np.array([point], dtype=float), np.array([2]), **more)


def centre(drawn, background=0):
    """The centre of what differs from a plain background, in continuous pixels."""
    weight = np.abs(drawn.astype(float) - background).sum(axis=2)
    y, x = np.mgrid[: drawn.shape[0], : drawn.shape[1]] + 0.5
    return np.array([(weight * x).sum(), (weight * y).sum()]) / weight.sum()


places = st.tuples(st.floats(12, 78), st.floats(12, 48))


@settings(deadline=None, max_examples=50)
@given(places, st.floats(1.5, 8))
def test_a_point_is_drawn_where_it_is(place, radius):
    black = np.zeros_like(GREY)
    drawn = draw_points(black, [one(place)], DOTS, radius=radius)
    np.testing.assert_allclose(centre(drawn), place, atol=0.15)


@settings(deadline=None, max_examples=50)
@given(places)
def test_the_ring_is_where_the_truth_is(truth):
    drawn = draw_comparison(np.zeros_like(GREY), [one(truth)], [None], DOTS, radius=5)
    np.testing.assert_allclose(centre(drawn), truth, atol=0.15)


def test_a_point_at_a_pixel_s_centre_is_symmetric_about_that_pixel():
    drawn = draw_points(np.zeros((21, 21, 3), np.uint8), [one((10.5, 10.5))], DOTS, radius=4)
    assert tuple(drawn[10, 10]) == MIDDLE
    # OpenCV's rounding of edges is not quite symmetric.
    np.testing.assert_allclose(drawn.astype(int), drawn[::-1], atol=4)
    np.testing.assert_allclose(drawn.astype(int), drawn[:, ::-1], atol=4)


def test_an_edge_runs_between_its_points():
    skeleton = Skeleton(("a", "b"), edges=((0, 1),))
    instance = Instance(np.array([(10.0, 30.0), (80.0, 30.0)]), np.array([2, 2]))
    drawn = draw_points(np.zeros_like(GREY), [instance], skeleton, radius=3)
    column = drawn[:, 45].astype(float).sum(axis=1)
    rows = np.arange(60) + 0.5
    assert (column * rows).sum() / column.sum() == pytest.approx(30, abs=0.15)


def test_colours_tell_left_from_right():
    points = np.array([(20.5, 20.5), (70.5, 20.5), (45.5, 50.5)])
    drawn = draw_points(GREY, [Instance(points, np.array([2, 2, 2]))], PAIR, radius=4)
    assert [tuple(drawn[int(y), int(x)]) for x, y in points] == [LEFT, RIGHT, MIDDLE]
    # From left to right the edge is the middle's, from left to the nose it is the left's.
    between = drawn[20, 45].astype(int)
    assert np.abs(between - MIDDLE).sum() < np.abs(between - LEFT).sum()
    aside = drawn[35, 33].astype(int)
    assert np.abs(aside - LEFT).sum() < np.abs(aside - MIDDLE).sum()


def test_points_that_are_not_annotated_are_not_drawn():
    nothing = Instance(np.zeros((3, 2)), np.zeros(3))
    np.testing.assert_array_equal(draw_points(GREY, [nothing], PAIR), GREY)
    half = Instance(np.array([(20, 20), (0, 0), (0, 0)]), np.array([2, 0, 0]))
    drawn = draw_points(GREY, [half], PAIR)
    assert (drawn[20, 20] != GREY[20, 20]).any()
    np.testing.assert_array_equal(drawn[:, 45:], GREY[:, 45:])


def test_less_confidence_is_fainter_and_smaller():
    def changed(confidence):
        drawn = draw_points(GREY, [one((45, 30), confidence=[confidence])], DOTS, radius=6)
        return np.abs(drawn.astype(int) - GREY)

    sure, unsure = changed(1.0), changed(0.1)
    assert unsure.max() < 0.5 * sure.max()
    assert (unsure.sum(axis=2) > 0).sum() < (sure.sum(axis=2) > 0).sum()
    np.testing.assert_array_equal(changed(np.nan), sure)


def test_the_original_is_left_alone():
    image = GREY.copy()
    draw_points(image, [one((45, 30))], DOTS)
    draw_comparison(image, [one((45, 30))], [one((40, 30))], DOTS)
    np.testing.assert_array_equal(image, GREY)


@pytest.mark.parametrize("place", [(-5.0, 30.0), (95.0, 30.0), (45.0, 1e12), (-1e300, 1e300)])
def test_points_outside_the_image_do_no_harm(place):
    skeleton = Skeleton(("a", "b"), edges=((0, 1),))
    instance = Instance(np.array([(45.0, 30.0), place]), np.array([2, 2]))
    drawn = draw_points(GREY, [instance], skeleton, radius=3)
    assert tuple(drawn[30, 45]) != tuple(GREY[30, 45])


def test_a_comparison_joins_truth_and_prediction():
    drawn = draw_comparison(GREY, [one((20.5, 30.5))], [one((60.5, 30.5))], DOTS, radius=5)
    assert tuple(drawn[30, 60]) == MIDDLE
    assert drawn[30, 40].min() > 200  # the line between them, white
    assert drawn[37, 20].min() > 200  # and the ring, 7 px about the truth
    missed = draw_comparison(GREY, [one((20.5, 30.5))], [None], DOTS, radius=5)
    np.testing.assert_array_equal(missed[:, 40:], GREY[:, 40:])
    assert missed[37, 20].min() > 200


def test_size_fits_image_and_instance():
    def area(height, width, spread):
        image = np.zeros((height, width, 3), np.uint8)
        skeleton = Skeleton(("a", "b"))
        points = np.array([(50.0, 50.0), (50.0 + spread, 50.0)])
        drawn = draw_points(image, [Instance(points, np.array([2, 2]))], skeleton)
        return (drawn.sum(axis=2) > 0).sum()

    assert area(1000, 1000, 900) > 5 * area(200, 200, 100)
    assert area(1000, 1000, 900) > 2 * area(1000, 1000, 100)
    assert area(200, 200, 0) > 0


@pytest.mark.parametrize(
    "image", [np.zeros((5, 5), np.uint8), np.zeros((5, 5, 3)), np.zeros((5, 5, 4), np.uint8)]
)
def test_only_rgb_in_bytes(image):
    with pytest.raises(ValueError, match=r"\(H, W, 3\)"):
        draw_points(image, [], DOTS)


def test_black_is_only_a_rim():
    drawn = draw_points(np.full((40, 40, 3), 255, np.uint8), [one((20.5, 20.5))], DOTS, radius=6)
    dark = (drawn == BLACK).all(axis=2)
    assert dark.any()
    assert dark.sum() < (drawn == MIDDLE).all(axis=2).sum()
