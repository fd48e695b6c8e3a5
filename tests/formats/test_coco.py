"""COCO keypoints JSON: real files of six data sets, every extra key, every way to be broken."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tiny_data import make_image

from pointillist.dataset import HIDDEN, NOT_ANNOTATED, VISIBLE
from pointillist.errors import DataError
from pointillist.formats import open_dataset
from pointillist.formats.coco import detect, read
from pointillist.skeleton import COCO_PERSON_SIGMAS, Skeleton

CONTENT: dict[str, Any] = {
    "images": [
        {"id": 7, "file_name": "a.png", "width": 8, "height": 6},
        {"id": 9, "file_name": "b.png", "width": 8, "height": 6},
    ],
    "annotations": [
        {
            "id": 1,
            "image_id": 9,
            "category_id": 3,
            "keypoints": [1, 2, 2, 3.5, 4.5, 1, 0, 0, 0],
            "num_keypoints": 2,
            "bbox": [0, 1, 5, 4],
            "area": 12.5,
            "iscrowd": 0,
        }
    ],
    "categories": [
        {
            "id": 3,
            "name": "seal",
            "keypoints": ["nose", "left_ear", "right_ear"],
            "skeleton": [[1, 2], [1, 3]],
        }
    ],
}


def save(folder: Path, content: Any) -> Path:
    file = folder / "a.json"
    file.write_text(json.dumps(content), encoding="utf-8")
    return file


def changed(path: str, value: Any) -> dict[str, Any]:
    """CONTENT with one entry (``annotations/0/bbox``) set, or removed with ``...``."""
    content = copy.deepcopy(CONTENT)
    *way, last = (int(key) if key.isdigit() else key for key in path.split("/"))
    place: Any = content
    for key in way:
        place = place[key]
    if value is ...:
        del place[last]
    elif isinstance(place, list) and last == len(place):
        place.append(value)
    else:
        place[last] = value
    return content


def test_reads_points_visibility_box_and_ids(tmp_path: Path) -> None:
    dataset = read(save(tmp_path, CONTENT))
    assert [(i.id, i.path, i.width, i.height) for i in dataset] == [
        (7, "a.png", 8, 6),
        (9, "b.png", 8, 6),
    ]
    assert not dataset[0].labeled
    (instance,) = dataset[1].instances
    np.testing.assert_array_equal(instance.points[:2], [[1, 2], [3.5, 4.5]])
    assert np.isnan(instance.points[2]).all()
    assert list(instance.visibility) == [VISIBLE, HIDDEN, NOT_ANNOTATED]
    assert instance.box == (0, 1, 5, 4)
    assert (instance.area, instance.id, instance.category) == (12.5, 1, None)
    assert dataset.skeleton == Skeleton(
        ("nose", "left_ear", "right_ear"), edges=((0, 1), (0, 2)), flip_pairs=((1, 2),), name="seal"
    )


def test_edges_count_from_zero_where_a_zero_appears(tmp_path: Path) -> None:
    content = changed("categories/0/skeleton", [[0, 1], [1, 2]])
    assert read(save(tmp_path, content)).skeleton.edges == ((0, 1), (1, 2))


def test_flip_pairs_and_spans_are_names_or_numbers_and_an_empty_list_means_none(
    tmp_path: Path,
) -> None:
    content = changed("categories/0/flip_pairs", [["right_ear", "nose"]])
    content["categories"][0] |= {"head": [0, 2], "torso": ["nose", "left_ear"]}
    skeleton = read(save(tmp_path, content)).skeleton
    assert skeleton.flip_pairs == ((2, 0),)
    assert (skeleton.head, skeleton.torso) == ((0, 2), (0, 1))
    content = changed("categories/0/flip_pairs", [])
    assert read(save(tmp_path, content)).skeleton.flip_pairs == ()


def test_names_that_look_like_sides_without_a_partner_are_mentioned(tmp_path: Path) -> None:
    make_image(tmp_path / "a.png")
    content = changed("categories/0/keypoints", ["nose", "left_ear", "ear_two"])
    (problem,) = read(save(tmp_path, content)).problems
    assert "no left-right partner was found by name for left_ear" in problem
    content["categories"][0]["flip_pairs"] = []
    assert read(save(tmp_path, content)).problems == []


def test_categories_with_the_same_keypoints_are_kept_by_name(tmp_path: Path) -> None:
    content = changed("categories/1", {**CONTENT["categories"][0], "id": 4, "name": "otter"})
    content = copy.deepcopy(content)
    content["annotations"].append({**CONTENT["annotations"][0], "id": 2, "category_id": 4})
    dataset = read(save(tmp_path, content))
    assert dataset.skeleton.name == "object"
    assert [i.category for i in dataset[1].instances] == ["seal", "otter"]


def test_annotations_of_categories_without_keypoints_are_left_out_and_counted(
    tmp_path: Path,
) -> None:
    content = changed("categories/1", {"id": 5, "name": "boat"})
    content["annotations"].append({"id": 2, "image_id": 7, "category_id": 5, "bbox": [0, 0, 1, 1]})
    dataset = read(save(tmp_path, content))
    assert not dataset[0].instances
    assert dataset.problems[-1] == (
        "1 annotations of category 'boat' were left out: it has no keypoints"
    )


def test_crowds_boxes_without_points_and_boxes_of_no_area(tmp_path: Path) -> None:
    content = changed("annotations/0/iscrowd", 1)
    content["annotations"].append(
        {"id": 2, "image_id": 7, "category_id": 3, "bbox": [1, 1, 2, 2], "num_keypoints": 0}
    )
    content["annotations"].append({**CONTENT["annotations"][0], "id": 3, "bbox": [0, 0, 0, 4]})
    dataset = read(save(tmp_path, content))
    (only_box,) = dataset[0].instances
    crowd, flat = dataset[1].instances
    assert only_box.box == (1, 1, 2, 2)
    assert not only_box.labeled
    assert crowd.crowd
    # The extent of (1, 2) and (3.5, 4.5) takes the place of the box.
    assert (flat.box, flat.box_from_points) == ((1, 2, 2.5, 2.5), True)
    assert "annotation with a box of no area" in dataset.problems[-1]


def test_several_objects_without_boxes_are_mentioned(tmp_path: Path) -> None:
    content = changed("annotations/0/bbox", ...)
    content["annotations"].append({**content["annotations"][0], "id": 2})
    dataset = read(save(tmp_path, content))
    assert [i.box for i in dataset[1].instances] == [None, None]
    assert "1 image with several objects of which some have no box: b.png" in dataset.problems


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        ("images", [], "there are no images in this file"),
        ("images", "x", "'images' is not a list of objects"),
        ("images/1/id", 7, r"images\[1\]: two images have the id 7"),
        ("images/1/id", "7", r"images\[1\]: 'id' is not a whole number but '7'"),
        ("images/1/file_name", ..., r"images\[1\]: image 9 has no 'file_name'"),
        ("images/1/boxes", [[1, 2, 3]], r"images\[1\]: 'boxes' must be four finite numbers"),
        ("annotations/0/image_id", 8, "annotation 1: there is no image with the id 8"),
        ("annotations/0/category_id", 1, "annotation 1: there is no category with the id 1"),
        ("annotations/0/id", ..., None),
        (
            "annotations/0/keypoints",
            [1, 2, 2],
            r"annotation 1: 3 numbers for keypoints; 3 keypoints need 9",
        ),
        (
            "annotations/0/keypoints/4",
            float("nan"),
            r"annotation 1: keypoint 'left_ear' is annotated at \(3.5, nan\)",
        ),
        (
            "annotations/0/keypoints/0",
            float("inf"),
            r"annotation 1: keypoint 'nose' is annotated at \(inf, 2\)",
        ),
        ("annotations/0/keypoints/2", 3, "annotation 1: keypoint 'nose' has visibility 3"),
        ("annotations/0/keypoints/2", "v", "annotation 1: 'keypoints' is not a list of numbers"),
        ("annotations/0/bbox", [0, 0, float("inf"), 1], "annotation 1: 'bbox' must be four"),
        ("annotations/0/keypoint_scores", [1], "annotation 1: 1 keypoint_scores for 3"),
        ("annotations/0/absent", ["tail"], "annotation 1: there is no keypoint 'tail'"),
        ("annotations/0/absent", ["nose"], "annotation 1: a point is both annotated and"),
        ("annotations/1", CONTENT["annotations"][0], "annotation 1: two annotations have this id"),
        ("categories", {}, "'categories' is not a list of objects"),
        ("categories/0/id", ..., r"categories\[0\]: the category has no 'id' number"),
        ("categories/1", {"id": 3}, "two categories have the id 3"),
        ("categories/1", {"id": 4, "name": "fox", "keypoints": ["tail"]}, "'seal' and 'fox' have"),
        ("categories/0/skeleton", [[1, 4]], r"category 'seal': .* outside the skeleton's 3"),
        ("categories/0/skeleton", [1], "category 'seal': 'skeleton' holds 1, which is no pair"),
        ("categories/0/flip_pairs", [[1, 3]], "category 'seal': 'flip_pairs' holds 3, but"),
        ("categories/0/flip_pairs", [["nose", "ear"]], "names an unknown keypoint 'ear'"),
        ("categories/0/sigmas", [0.1], "category 'seal': 1 sigmas for 3 keypoints"),
        ("categories/0/keypoints", ["a", "a", "b"], "category 'seal': keypoint 'a' is named twice"),
        ("categories/0/keypoints", [1, 2, 3], "category 'seal': 'keypoints' is not a list of"),
    ],
)
def test_broken_content_is_one_clear_line(
    tmp_path: Path, path: str, value: Any, message: str | None
) -> None:
    file = save(tmp_path, changed(path, value))
    if message is None:
        assert len(read(file)) == 2
        return
    with pytest.raises(DataError, match=message) as caught:
        read(file)
    assert str(caught.value).startswith(str(file))
    assert "\n" not in str(caught.value)


def test_unannotated_points_may_hold_anything(tmp_path: Path) -> None:
    file = save(tmp_path, changed("annotations/0/keypoints/6", float("nan")))
    assert read(file)[1].labeled


def test_broken_json_names_the_line(tmp_path: Path) -> None:
    file = tmp_path / "a.json"
    file.write_text('{"images": [\n  {"id": 1,}\n]}', encoding="utf-8")
    with pytest.raises(DataError, match=r"a\.json, row 2: this is not valid JSON"):
        open_dataset(file)


def test_results_are_told_from_annotations(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"this is a list.*If these are predictions"):
        open_dataset(save(tmp_path, [{"image_id": 1}]))


def test_a_folder_with_one_annotation_file_is_opened_by_its_name(tmp_path: Path) -> None:
    (tmp_path / "annotations").mkdir()
    save(tmp_path / "annotations", CONTENT)
    (tmp_path / "settings.json").write_text('{"model": 1}', encoding="utf-8")
    assert detect(tmp_path)
    assert len(open_dataset(tmp_path)) == 2
    (tmp_path / "annotations" / "b.json").write_text(json.dumps(CONTENT), encoding="utf-8")
    with pytest.raises(DataError, match=r"annotations/a\.json, annotations/b\.json"):
        open_dataset(tmp_path)


@pytest.mark.parametrize(
    ("json_at", "images_at"),
    [
        (".", "."),
        (".", "images"),
        ("annotations", "images"),
        ("annotations", "val2017"),
        ("annotations", "images/train"),
        ("annotations", "data"),
    ],
)
def test_images_are_found_in_the_usual_places(tmp_path: Path, json_at: str, images_at: str) -> None:
    make_image(tmp_path / images_at / "sub" / "b.png")
    (tmp_path / json_at).mkdir(exist_ok=True)
    content = changed("images/1/file_name", "sub\\b.png")  # as written on Windows
    dataset = read(save(tmp_path / json_at, content))
    assert dataset.file(dataset[1]).is_file()
    assert dataset.problems == []


def test_missing_images_say_where_was_looked(tmp_path: Path) -> None:
    (tmp_path / "images").mkdir()
    (problem,) = read(save(tmp_path, CONTENT)).problems
    assert "no image was found (such as a.png)" in problem
    assert str(tmp_path / "images") in problem


@pytest.mark.parametrize(
    ("name", "images", "instances", "keypoints", "pairs", "first_edge"),
    [
        ("coco/test_coco.json", 4, 14, 17, 8, (15, 13)),
        ("atrw/test_atrw.json", 2, 2, 15, 6, (0, 2)),
        ("ap10k/test_ap10k.json", 2, 2, 17, 7, (0, 1)),
        ("animalpose/test_animalpose.json", 2, 2, 20, 8, (0, 1)),
        ("horse10/test_horse10.json", 3, 3, 22, 0, None),
        ("macaque/test_macaque.json", 2, 2, 17, 8, (15, 13)),
    ],
)
def test_real_files_open(
    data: Path,
    name: str,
    images: int,
    instances: int,
    keypoints: int,
    pairs: int,
    first_edge: tuple[int, int] | None,
) -> None:
    dataset = open_dataset(data / "coco_style" / name)
    assert dataset.problems == []
    assert len(dataset) == images
    assert sum(len(image.instances) for image in dataset) == instances
    assert len(dataset.skeleton) == keypoints
    assert len(dataset.skeleton.flip_pairs) == pairs
    assert (dataset.skeleton.edges or [None])[0] == first_edge
    assert all(dataset.file(image).is_file() for image in dataset)


def test_real_coco_people_have_their_sigmas(data: Path) -> None:
    dataset = open_dataset(data / "coco_style" / "coco" / "test_coco.json")
    assert dataset.skeleton.sigmas == COCO_PERSON_SIGMAS
    assert dataset.skeleton.torso == (6, 11)
    first = dataset[0].instances[0]
    # As the file has it: "keypoints": [367, 81, 2, 374, 73, 2, ...].
    np.testing.assert_array_equal(first.points[:2], [[367, 81], [374, 73]])
    assert first.box == (280.79, 44.73, 218.7, 346.68)


def test_real_species_are_kept(data: Path) -> None:
    dataset = open_dataset(data / "coco_style" / "ap10k" / "test_ap10k.json")
    assert [image.instances[0].category for image in dataset] == ["jaguar", "antelope"]
