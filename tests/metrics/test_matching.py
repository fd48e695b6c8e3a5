import numpy as np
import pytest
from metric_cases import SKELETON, dataset, instance

from pointillist.dataset import Dataset, Image
from pointillist.errors import DataError
from pointillist.metrics import make_pairs, match
from pointillist.skeleton import Skeleton

LEFT = [(10, 10), (30, 30), (20, 30)]
RIGHT = [(60, 10), (80, 30), (70, 30)]


def moved(points, by):
    return instance(np.array(points) + by)


def test_predictions_go_to_the_instance_that_they_resemble():
    truth = dataset([instance(LEFT), instance(RIGHT)])
    matches = match(truth, dataset([moved(RIGHT, 1), moved(LEFT, 2)]), paired=False)
    np.testing.assert_allclose(matches.pairs.distances, [[2 * 2**0.5] * 3, [2**0.5] * 3])
    assert matches.missed.tolist() == matches.extra.tolist() == [0]
    assert matches.predicted.tolist() == [2]


def test_the_most_similar_pair_goes_first_and_the_rest_is_missed_or_extra():
    truth = dataset([instance(LEFT), instance(RIGHT)])
    matches = match(truth, dataset([moved(LEFT, 3), moved(LEFT, 1)]), paired=False)
    np.testing.assert_allclose(matches.pairs.distances[0], 2**0.5)
    assert np.isnan(matches.pairs.predicted[1]).all()
    assert matches.missed.tolist() == [1]
    assert matches.extra.tolist() == [1]


def test_something_far_away_is_no_match():
    truth = dataset([instance(LEFT)])
    matches = match(truth, dataset([moved(LEFT, 40)]), paired=False)
    assert matches.missed.tolist() == matches.extra.tolist() == [1]


def test_paired_predictions_keep_their_order_however_far_away():
    truth = dataset([instance(LEFT), instance(RIGHT)])
    matches = match(truth, dataset([instance(RIGHT), instance(LEFT)]), paired=True)
    np.testing.assert_allclose(matches.pairs.distances, 50)
    assert matches.extra.tolist() == [0]


def test_paired_predictions_must_be_as_many():
    with pytest.raises(DataError, match=r"0.png: 1 predictions for 2 annotated instances"):
        match(dataset([instance(LEFT), instance(RIGHT)]), dataset([instance(LEFT)]), paired=True)


@pytest.mark.parametrize("paired", [True, False])
def test_crowds_and_instances_without_points_are_not_scored(paired):
    crowd = instance(RIGHT, box=(50, 0, 50, 50), crowd=True)
    empty = instance(RIGHT, visibility=(0, 0, 0), box=(0, 40, 20, 20))
    truth = dataset([crowd, instance(LEFT), empty])
    guesses = dataset([instance(RIGHT), moved(LEFT, 1), instance([(5, 45), (9, 50), (9, 49)])])
    matches = match(truth, guesses, paired=paired)
    assert_one_right(matches)
    assert_one_right(match(truth, dataset([moved(LEFT, 1)]), paired=paired))


def assert_one_right(matches):
    assert len(matches.pairs.truth) == 1
    np.testing.assert_allclose(matches.pairs.distances, 2**0.5)
    assert matches.missed.tolist() == matches.extra.tolist() == [0]
    assert matches.predicted.tolist() == [1]


@pytest.mark.parametrize("paired", [True, False])
def test_an_image_without_any_prediction_is_missed(paired):
    truth = dataset([instance(LEFT)], [instance(RIGHT), instance(LEFT)])
    matches = match(truth, dataset([instance(LEFT)], []), paired=paired)
    assert matches.missed.tolist() == [0, 2]
    without_second = dataset([instance(LEFT)])
    assert match(truth, without_second, paired=paired).missed.tolist() == [0, 2]


def test_a_prediction_without_points_is_none():
    truth = dataset([instance(LEFT)])
    empty = dataset([instance(LEFT, visibility=(0, 0, 0))])
    for paired in (True, False):
        matches = match(truth, empty, paired=paired)
        assert matches.missed.tolist() == [1]
        assert matches.extra.tolist() == [0]


def test_unlabelled_images_are_left_out_and_counted():
    truth = dataset([instance(LEFT)], [])
    matches = match(truth, dataset([instance(LEFT)], [instance(RIGHT)]), paired=False)
    assert matches.unlabeled == 1
    assert matches.extra.tolist() == [0]
    assert matches.pairs.image_names == ["0.png"]


def test_images_belong_together_by_path_frame_and_occurrence():
    def video(*frames):
        images = [Image("v.mp4", frame=f, instances=[moved(LEFT, d)]) for f, d in frames]
        return Dataset(SKELETON, images, "")

    truth = video((7, 0), (7, 10), (3, 20))
    matches = match(truth, video((3, 20), (7, 0), (7, 10)), paired=True)
    np.testing.assert_allclose(matches.pairs.distances, 0)


def test_sizes_come_from_the_truth_or_else_the_predictions():
    truth = Dataset(SKELETON, [Image("a", instances=[instance(LEFT)])], "")
    guess = Dataset(SKELETON, [Image("a", 30, 40, instances=[instance(LEFT)])], "")
    assert match(truth, guess, paired=True).pairs.sizes.tolist() == [[30, 40]]
    assert match(guess, truth, paired=True).pairs.sizes.tolist() == [[30, 40]]
    assert np.isnan(match(truth, truth, paired=True).pairs.sizes).all()


def test_data_that_do_not_fit_say_how():
    truth = dataset([instance(LEFT)])
    other = dataset([instance(LEFT)], skeleton=Skeleton(("a", "b", "c")))
    with pytest.raises(DataError, match="a, b, c instead of head, tail, paw"):
        match(truth, other, paired=True)
    with pytest.raises(DataError, match="no image of 'mice' is annotated"):
        match(dataset([], [instance(LEFT, visibility=(0, 0, 0))]), truth, paired=True)
    elsewhere = Dataset(SKELETON, [Image("x/0.png", instances=[instance(LEFT)])], "")
    with pytest.raises(DataError, match=r"annotated: 0.png; predicted: x/0.png"):
        match(truth, elsewhere, paired=True)
    with pytest.raises(DataError, match="no skeleton"):
        match(Dataset(None, [], ""), truth, paired=True)


def test_lists_of_different_length_are_refused():
    with pytest.raises(DataError, match="1 predictions for 2"):
        make_pairs([instance(LEFT)] * 2, [None], SKELETON)


def test_without_more_each_instance_is_its_own_image():
    pairs = make_pairs([instance(LEFT)] * 2, [None, instance(LEFT)], SKELETON)
    assert pairs.images == 2
    assert pairs.image.tolist() == [0, 1]
    assert np.isnan(pairs.distances[0]).all()
    assert pairs.distances[1].tolist() == [0, 0, 0]
    assert np.isnan(pairs.confidence).all()
    assert make_pairs([], [], SKELETON).images == 0
