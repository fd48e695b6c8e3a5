from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from core_cases import SKELETON, dots_dataset
from pointillist.dataset import Dataset, Image, Instance
from pointillist.errors import ConfigError, DataError
from pointillist.formats import open_dataset, save_dataset
from pointillist.skeleton import Skeleton, side_problems
from pointillist.split import split_dataset, write_split
from pointillist.training_data import TrainingData, gather, hold_out


def names(part: Dataset) -> list[str]:
    return [Path(image.path).name for image in part]


def numbered(count: int, groups: list[str] | None = None) -> Dataset:
    """Images that need no files."""
    points = np.full((3, 2), 5.0)
    images = [Image(f"{i:03d}.png", 9, 9, [Instance(points, np.full(3, 2))]) for i in range(count)]
    for image, group in zip(images, groups or [], strict=False):
        image.group = group
    return Dataset(SKELETON, images, Path("root"))


def test_images_without_annotation_count_as_unlabelled(tmp_path: Path) -> None:
    data = dots_dataset(tmp_path / "data", 5, labeled=3)
    more = dots_dataset(tmp_path / "more", 2)
    parts = gather(data, unlabeled=[more])
    assert names(parts.labeled) == ["000.png", "001.png", "002.png"]
    assert names(parts.unlabeled) == ["003.png", "004.png", "000.png", "001.png"]
    assert not parts.unlabeled.labeled  # what was annotated in `more` is left behind
    assert all(Path(image.path).is_absolute() for image in parts.unlabeled)
    assert len(parts.val) == 0  # too few to hold any out
    assert parts.problems == []
    assert parts.skeleton == SKELETON


def test_a_split_folder_gives_its_parts(tmp_path: Path) -> None:
    data = dots_dataset(tmp_path / "data", 6)
    for name, images in {"labeled": data[:2], "unlabeled": data[2:4], "val": data[4:]}.items():  # type: ignore[misc]
        part = data.subset(images)
        if name == "unlabeled":
            part = part.subset(image.without_labels() for image in part)
        save_dataset(part, tmp_path / "split" / f"{name}.json")
    parts = gather(tmp_path / "split")
    assert [names(p) for p in (parts.labeled, parts.unlabeled, parts.val)] == [
        ["000.png", "001.png"],
        ["002.png", "003.png"],
        ["004.png", "005.png"],
    ]
    other = dots_dataset(tmp_path / "other", 1)
    assert names(gather(tmp_path / "split", val=other).val) == ["000.png"]


def test_saved_and_opened_again(tmp_path: Path) -> None:
    data = dots_dataset(tmp_path / "data", 5, labeled=3)
    data[0].instances[0].box = (1.0, 2.0, 30.0, 20.0)
    parts = gather(data, val=dots_dataset(tmp_path / "val", 2, seed=1))
    parts.save(tmp_path / "run" / "split")
    again = TrainingData.open(tmp_path / "run" / "split")
    for name in ("labeled", "unlabeled", "val"):
        before, after = getattr(parts, name), getattr(again, name)
        assert names(before) == names(after)
        for a, b in zip(before, after, strict=True):
            assert before.file(a).resolve() == after.file(b).resolve()
            for x, y in zip(a.instances, b.instances, strict=True):
                assert np.abs(x.points - y.points).max() < 1e-3
                assert x.box == y.box
    assert again.skeleton == SKELETON


def test_unreadable_images_are_left_out_and_named(tmp_path: Path) -> None:
    data = dots_dataset(tmp_path / "data", 5, labeled=3)
    (tmp_path / "data" / "001.png").write_bytes(b"")
    (tmp_path / "data" / "004.png").write_bytes((tmp_path / "data" / "004.png").read_bytes()[:90])
    val = dots_dataset(tmp_path / "val", 2)
    (tmp_path / "val" / "000.png").unlink()
    parts = gather(data, val=val)
    assert names(parts.labeled) == ["000.png", "002.png"]
    assert names(parts.unlabeled) == ["003.png"]
    assert names(parts.val) == ["001.png"]
    assert [n for n in ("001.png", "004.png", "000.png") if any(n in p for p in parts.problems)]
    assert len(parts.problems) == 3
    with pytest.raises(DataError, match=r"001\.png"):
        gather(data, val=val, strict=True)


def test_nothing_labelled_or_nothing_readable(tmp_path: Path) -> None:
    bare = dots_dataset(tmp_path / "bare", 2, labeled=0)
    with pytest.raises(DataError, match="no image in this data set has an annotated point"):
        gather(bare)
    data = dots_dataset(tmp_path / "data", 1)
    (tmp_path / "data" / "000.png").unlink()
    with pytest.raises(DataError, match="none of the labelled images can be read"):
        gather(data)


def test_validation_has_to_fit(tmp_path: Path) -> None:
    data = dots_dataset(tmp_path / "data", 2)
    other = Skeleton(("left", "right", "tail"), SKELETON.edges, SKELETON.flip_pairs)
    with pytest.raises(ConfigError, match=r"other keypoints.*left, right, nose"):
        gather(data, val=replace(data, skeleton=other))
    # Another drawing of the same points is no other skeleton.
    drawn = replace(data, skeleton=replace(SKELETON, edges=((0, 1),)))
    assert len(gather(data, val=drawn).val) == 2
    with pytest.raises(DataError, match="nothing to validate on"):
        gather(data, val=dots_dataset(tmp_path / "bare", 2, labeled=0))


def test_pairs_by_hand(tmp_path: Path) -> None:
    data = dots_dataset(tmp_path / "data", 2)
    parts = gather(data, val=data, flip_pairs=[("right", "nose")])
    assert parts.skeleton.flip_pairs == ((1, 2),)
    assert parts.val.skeleton == parts.skeleton


def test_boxes_in_a_part_of_the_data_are_noticed(tmp_path: Path) -> None:
    data = dots_dataset(tmp_path, 4)
    for drawn, noticed in ((0, False), (1, True), (4, False)):
        for number, image in enumerate(data):
            image.instances[0].box = (0.0, 0.0, 20.0, 20.0) if number < drawn else None
        notes = gather(data).notes
        assert any("labelled objects have a box" in line for line in notes) == noticed


def test_a_share_is_held_out_by_the_seed() -> None:
    kept, held = hold_out(numbered(40), seed=0)
    assert (len(kept), len(held)) == (34, 6)
    assert sorted(names(kept) + names(held)) == names(numbered(40))
    assert names(kept) == sorted(names(kept))
    assert names(hold_out(numbered(40), seed=0)[1]) == names(held)
    assert names(hold_out(numbered(40), seed=1)[1]) != names(held)


def test_with_few_images_none_is_held_out() -> None:
    kept, held = hold_out(numbered(19), seed=0)
    assert (len(kept), len(held)) == (19, 0)
    assert len(hold_out(numbered(20), seed=0)[1]) == 3


def test_groups_stay_together() -> None:
    groups = [f"recording {i % 8}" for i in range(40)]
    kept, held = hold_out(numbered(40, groups), seed=0)
    assert not {i.group for i in kept} & {i.group for i in held}
    assert len(held) == 10  # two recordings of five: one alone is less than 15 %


def test_too_few_groups_are_no_groups() -> None:
    groups = [f"recording {i % 4}" for i in range(40)]
    kept, held = hold_out(numbered(40, groups), seed=0)
    assert len(held) == 6
    assert {i.group for i in kept} == set(groups)


def test_named_pairs_answer_the_doubt_about_sides(tmp_path: Path) -> None:
    """What was noticed before the user named a pair is not said after it."""
    names = ("paw1LH", "paw2LF", "paw3RF", "paw4RH")
    skeleton = Skeleton(names)
    image = replace(dots_dataset(tmp_path, 1)[0])
    image.instances = [Instance(np.full((4, 2), 5.0), np.full(4, 2))]
    doubts = [*side_problems(skeleton), "something else"]
    data = Dataset(skeleton, [image], tmp_path, problems=doubts)
    said = gather(data).notes
    assert said[0].startswith("no left-right partner was found by name for paw1LH, paw2LF")
    assert said[1:] == ["something else"]  # and not a second line about no pairs
    unread = replace(data, problems=[])
    assert gather(unread).notes == [
        "no left-right pairs are known, so images are never mirrored; "
        "name them all with --flip-pair LEFT,RIGHT"
    ]
    said = gather(data, flip_pairs=[("paw1LH", "paw4RH")]).notes
    assert "for paw2LF, paw3RF:" in said[0]
    assert said[2].startswith("a mirror image exchanges: paw1LH/paw4RH; where that is")
    both = [("paw1LH", "paw4RH"), ("paw2LF", "paw3RF")]
    assert gather(data, flip_pairs=both).notes[0] == "something else"


def with_a_gap(folder: Path, absent: bool) -> Dataset:
    """Dots of which one is not annotated in half of the images."""
    data = dots_dataset(folder, 4)
    for image in data.images[:2]:
        first = image.instances[0]
        seen = first.visibility.copy()
        seen[1] = 0
        marks = np.arange(len(seen)) == 1 if absent else None
        image.instances[0] = Instance(first.points, seen, box=first.box, absent=marks)
    return data


def test_points_that_lack_are_said_unless_somebody_has_said_why(tmp_path: Path) -> None:
    data = with_a_gap(tmp_path, absent=False)
    share = f"{100 * 2 / (4 * len(data.skeleton or ())):.1f} %"
    said = [note for note in gather(data).notes if "--missing-absent" in note]
    assert len(said) == 1
    assert said[0].startswith(f"{share} of the points of labelled objects are missing, and left")
    assert gather(data, missing_absent=False).notes == [
        n for n in gather(data).notes if n not in said
    ]
    for known in (with_a_gap(tmp_path, absent=True), dots_dataset(tmp_path, 4)):
        assert not [note for note in gather(known).notes if "--missing-absent" in note]


def test_what_a_project_leaves_out_is_absent_if_its_tool_takes_it_so(tmp_path: Path) -> None:
    data = with_a_gap(tmp_path / "data", absent=False)
    for layout, file in {
        "deeplabcut": "",
        "sleap": "p.slp",
        "lightning-pose": "",
        "coco": "p.json",
    }.items():
        save_dataset(data, tmp_path / layout / file, layout)
        by_tool = gather(tmp_path / layout / file)
        count = sum(i.absent is not None and i.absent.any() for i in by_tool.labeled.objects)
        assert count == (2 if layout in ("deeplabcut", "sleap") else 0)
        assert any("--no-missing-absent" in note for note in by_tool.notes) == bool(count)
        left_out = gather(tmp_path / layout / file, missing_absent=False)
        assert all(instance.absent is None for instance in left_out.labeled.objects)


def test_the_split_of_a_project_means_what_the_project_does(tmp_path: Path) -> None:
    save_dataset(with_a_gap(tmp_path / "data", absent=False), tmp_path / "dlc", "deeplabcut")
    split = split_dataset(open_dataset(tmp_path / "dlc"), ranges={"train": "0:3", "val": "3:4"})
    write_split(split, tmp_path / "parts")
    by_tool = gather(tmp_path / "parts")
    assert sum(i.absent is not None and bool(i.absent.any()) for i in by_tool.labeled.objects) == 2
    left_out = gather(tmp_path / "parts", missing_absent=False)
    assert all(instance.absent is None for instance in left_out.labeled.objects)
    left_out.save(tmp_path / "run")
    assert not open_dataset(tmp_path / "run" / "labeled.json").missing_absent


def test_missing_points_are_marked_in_every_part_and_stay_so_in_the_run(tmp_path: Path) -> None:
    data = with_a_gap(tmp_path, absent=False)
    parts = gather(data, val=data, missing_absent=True)
    assert "points that are missing in labelled objects are taken for absent: 2" in parts.notes
    assert not [note for note in parts.notes if "--missing-absent" in note]
    parts.save(tmp_path)
    for part in (parts.labeled, parts.val, TrainingData.open(tmp_path).labeled):
        marks = [image.instances[0].absent for image in part]
        for image, mark in zip(part, marks, strict=True):
            expected = ~image.instances[0].annotated
            assert (np.zeros_like(expected) if mark is None else mark).tolist() == expected.tolist()
        assert sum(mark is not None and bool(mark.any()) for mark in marks) == 2
    assert data[0].instances[0].absent is None  # what was given is as it was
