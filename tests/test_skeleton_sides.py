from __future__ import annotations

from pathlib import Path

import pytest

from pointillist.dataset import Dataset
from pointillist.errors import DataError
from pointillist.skeleton import (
    Skeleton,
    doubtful_sides,
    find_flip_pairs,
    side_problems,
    with_flip_pairs,
)

MIRROR = ("paw1LH_top", "paw2LF_top", "paw3RF_top", "paw4RH_top", "tail_top", "nose")


def test_names_that_look_as_if_they_had_a_side() -> None:
    assert doubtful_sides(Skeleton(MIRROR)) == list(MIRROR[:4])
    assert "paw1LH_top" in side_problems(Skeleton(MIRROR))[0]


def test_words_that_only_contain_such_a_letter_are_not_doubted() -> None:
    names = ("nose", "tail", "LED", "ball", "rear", "snout_left")
    assert doubtful_sides(Skeleton(names)) == ["snout_left"]


def test_pairs_that_were_found_are_not_doubted() -> None:
    names = ("left_ear", "right_ear", "nose")
    skeleton = Skeleton(names, flip_pairs=find_flip_pairs(names))
    assert skeleton.flip_pairs == ((0, 1),)
    assert side_problems(skeleton) == []


def test_pairs_by_hand_replace_those_found() -> None:
    skeleton = with_flip_pairs(Skeleton(MIRROR, flip_pairs=((4, 5),)), [(MIRROR[0], MIRROR[3])])
    assert skeleton.flip_pairs == ((0, 3),)
    assert with_flip_pairs(skeleton, []).flip_pairs == ()


def test_a_wrong_pair_is_refused(tmp_path: Path) -> None:
    dataset = Dataset(Skeleton(MIRROR), [], tmp_path)
    with pytest.raises(DataError, match="did you mean 'paw4RH_top'"):
        dataset.with_flip_pairs([("paw1LH_top", "paw4RHtop")])
    with pytest.raises(DataError, match="in two left-right pairs"):
        dataset.with_flip_pairs([("nose", "nose")])
    with pytest.raises(DataError, match="has no skeleton"):
        Dataset(None, [], tmp_path).with_flip_pairs([])
