"""Counts and problems of data sets that the tests make, and of the real ones."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest

from pointillist.dataset import HIDDEN, VISIBLE, Dataset, Image, Instance
from pointillist.errors import DataError
from pointillist.formats import open_dataset
from pointillist.inspection import inspect_dataset, readable_images
from pointillist.inspection_report import Problem
from pointillist.skeleton import Skeleton

SKELETON = Skeleton(("nose", "left", "right"), edges=((0, 1),), flip_pairs=((1, 2),), name="fox")


def picture(path: Path, seed: int = 0, size: tuple[int, int] = (40, 30)) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.random.default_rng(seed).integers(0, 255, (*size[::-1], 3), dtype=np.uint8)
    assert cv2.imwrite(str(path), pixels)
    return path


def fox(*points: tuple[float, float], visibility: tuple[int, ...] = (2, 2, 2)) -> Instance:
    return Instance(np.array(points or [(1, 1), (2, 2), (3, 3)]), np.array(visibility))


@pytest.fixture
def broken(tmp_path: Path) -> Dataset:
    """Good images, and one of each thing that can be wrong with a file."""
    for i in range(3):
        picture(tmp_path / f"good{i}.png", seed=i)
    shutil.copyfile(tmp_path / "good0.png", tmp_path / "twin.png")
    picture(tmp_path / "cut.jpg", size=(200, 150))
    data = (tmp_path / "cut.jpg").read_bytes()
    (tmp_path / "cut.jpg").write_bytes(data[: len(data) // 2])
    (tmp_path / "empty.png").touch()
    names = ("good0.png", "good1.png", "good2.png", "twin.png", "cut.jpg", "empty.png", "gone.png")
    images = [Image(name, instances=[fox()], id=i) for i, name in enumerate(names)]
    return Dataset(SKELETON, images, root=tmp_path, problems=["the reader saw something"])


def test_counts(tmp_path: Path) -> None:
    for i in range(4):
        picture(tmp_path / f"{i}.png", seed=i, size=(40 + 10 * (i == 3), 30))
    crowd = fox()
    crowd.crowd, crowd.box = True, (0, 0, 9, 9)
    half = fox(visibility=(VISIBLE, HIDDEN, 0))
    half.category = "red fox"
    none = fox(visibility=(0, 0, 0))
    none.box = (1, 1, 2, 2)
    images = [
        Image("0.png", instances=[fox(), crowd], group="night"),
        Image("1.png", instances=[half], group="night"),
        Image("2.png", instances=[none]),
        Image("3.png", boxes=[(0, 0, 5, 5)], group="day"),
    ]
    report = inspect_dataset(Dataset(SKELETON, images, root=tmp_path))
    assert (report.images, report.labeled, report.unlabeled) == (4, 2, 2)
    assert (report.instances, report.labeled_instances, report.crowds) == (4, 2, 1)
    # The crowd's, the one without points, and the unlabelled object's.
    assert report.boxes == 3
    # Of the two labelled foxes (the crowd does not count), 'left' is hidden in one of them.
    assert [(p.annotated, p.hidden, p.share) for p in report.keypoints] == [
        (2, 0, 1.0),
        (2, 1, 1.0),
        (1, 0, 0.5),
    ]
    assert report.groups == {"night": 2, "day": 1}
    assert report.categories == {"red fox": 1}
    assert report.sizes == {(40, 30): 3, (50, 30): 1}
    assert report.flip_pairs == [("left", "right")]
    assert report.problems == []


def test_problems_name_file_and_reason(broken: Dataset) -> None:
    report = inspect_dataset(broken)
    assert report.problems == [
        Problem("reading", None, "the reader saw something"),
        Problem("unreadable", "cut.jpg", "the image file is truncated"),
        Problem("unreadable", "empty.png", "the image file is empty (0 bytes)"),
        Problem("missing", "gone.png", "there is no such image file"),
        Problem("identical files", "good0.png", "1 more with the same bytes: twin.png"),
    ]


def test_without_checks_only_unknown_sizes_are_looked_up(broken: Dataset) -> None:
    report = inspect_dataset(broken, check_files=False)
    # The header of the cut file is whole; its pixels are not looked at.
    assert [(p.kind, p.file) for p in report.problems[1:]] == [
        ("unreadable", "empty.png"),
        ("missing", "gone.png"),
    ]
    assert not report.files_checked
    for image in broken:
        image.width, image.height = 40, 30
    report = inspect_dataset(broken, check_files=False)
    assert [(p.kind, p.file) for p in report.problems[1:]] == [("missing", "gone.png")]


def test_points_and_boxes_outside_and_wrong_sizes(tmp_path: Path) -> None:
    picture(tmp_path / "a.png")
    outside = fox((-5, 3), (40.5, 30.5), (10, 99))
    outside.box = (0, 0, 42.5, 20)
    derived = fox()
    derived.box, derived.box_from_points = (-50, 0, 10, 10), True
    image = Image("a.png", width=30, height=40, instances=[outside, derived], boxes=[(-9, 0, 5, 5)])
    report = inspect_dataset(Dataset(SKELETON, [image], root=tmp_path))
    assert [(p.kind, p.reason) for p in report.problems] == [
        (
            "size",
            "the file is 40x30, the annotations say 30x40 (turned by its EXIF orientation?)",
        ),
        ("box outside", "box (0, 0, 42.5, 20) reaches outside the 40x30 image"),
        ("box outside", "box (-9, 0, 5, 5) reaches outside the 40x30 image"),
        ("point outside", "'nose' at (-5.0, 3.0) is outside the 40x30 image"),
        ("point outside", "'right' at (10.0, 99.0) is outside the 40x30 image"),
    ]


def test_repeated_names(tmp_path: Path) -> None:
    for i, name in enumerate(("x/a.png", "y/a.png", "z.png")):
        picture(tmp_path / name, seed=i)
    images = [Image(name) for name in ("x/a.png", "y/a.png", "z.png", "z.png")]
    report = inspect_dataset(Dataset(None, images, root=tmp_path))
    assert report.problems == [
        Problem("duplicate name", "z.png", "this file is in 2 entries"),
        Problem("duplicate name", None, "1 name is in several folders: a.png (2 times)"),
    ]
    assert report.keypoints == []


def test_json_has_the_promised_keys_and_is_json(broken: Dataset) -> None:
    value = inspect_dataset(broken).to_json()
    assert json.loads(json.dumps(value, allow_nan=False)) == value
    assert (value["images"], value["labeled"], value["unlabeled"], value["instances"]) == (
        7,
        7,
        0,
        7,
    )
    assert value["keypoints"] == ["nose", "left", "right"]
    assert value["annotated"]["nose"] == {"count": 7, "hidden": 0, "share": 1.0}
    assert "missing: gone.png: there is no such image file" in value["problems"]
    assert value["problem_counts"]["unreadable"] == 2
    assert value["sizes"]["width"] == {"min": 40, "median": 40.0, "max": 40}


def test_many_problems_are_summed_up(tmp_path: Path) -> None:
    images = [Image(f"{i}.png") for i in range(9)]
    report = inspect_dataset(Dataset(None, images, root=tmp_path))
    assert report.problem_lines(limit=2) == [
        "missing: 0.png: there is no such image file",
        "missing: 1.png: there is no such image file",
        "missing: and 7 more",
    ]
    assert report.problem_counts == {"missing": 9}


def test_tables_have_a_head_and_equal_rows(broken: Dataset) -> None:
    tables = dict(inspect_dataset(broken).tables())
    assert [title for title in tables if title.startswith("data (")]
    for rows in tables.values():
        assert len({len(row) for row in rows}) == 1
    assert ["left", "7", "100.0%", "0", "right"] in tables["keypoints"]
    assert ["missing", "1"] in tables["problems"]


def test_unreadable_images_are_left_out_and_named(broken: Dataset) -> None:
    dataset, problems = readable_images(broken)
    assert [image.path for image in dataset] == [
        "good0.png",
        "good1.png",
        "good2.png",
        "twin.png",
    ]
    assert dataset.problems == broken.problems
    named = [problem.rsplit(": ", 1) for problem in problems]
    assert [(Path(file), reason) for file, reason in named] == [
        (broken.root / "cut.jpg", "the image file is truncated"),
        (broken.root / "empty.png", "the image file is empty (0 bytes)"),
        (broken.root / "gone.png", "there is no such image file"),
    ]


def test_strict_makes_an_unreadable_image_an_error(broken: Dataset) -> None:
    with pytest.raises(DataError, match=r"cut\.jpg: the image file is truncated"):
        readable_images(broken, strict=True)


def test_nothing_wrong_gives_the_same_data_set(broken: Dataset) -> None:
    good = broken.subset(broken.images[:3])
    dataset, problems = readable_images(good, strict=True)
    assert dataset is good
    assert problems == []


def test_progress_counts_files(broken: Dataset) -> None:
    calls: list[tuple[int, int]] = []
    readable_images(broken, progress=lambda done, total: calls.append((done, total)))
    assert calls == [(i, 7) for i in range(1, 8)]


def test_frames_that_a_video_does_not_have(tmp_path: Path, film: Callable[[Path], int]) -> None:
    frames = film(tmp_path / "film.mp4")
    images = [Image("film.mp4", frame=0), Image("film.mp4", frame=frames), Image("no.mp4", frame=0)]
    dataset = Dataset(None, images, root=tmp_path)
    kept, problems = readable_images(dataset)
    assert [image.frame for image in kept] == [0]
    assert f"film.mp4: there is no frame {frames}: the video has {frames}" in problems
    report = inspect_dataset(dataset)
    assert [(p.kind, p.file) for p in report.problems] == [
        ("unreadable", "film.mp4"),
        ("missing", "no.mp4"),
    ]
    assert report.sizes == {(64, 48): 2}


def test_videos_that_belong_to_the_data(tmp_path: Path, film: Callable[[Path], int]) -> None:
    film(tmp_path / "good.mp4")
    (tmp_path / "empty.mp4").write_bytes(b"")
    videos = [tmp_path / "good.mp4", tmp_path / "empty.mp4"]
    report = inspect_dataset(Dataset(None, [], tmp_path, videos=videos))
    assert [(p.kind, p.file, p.reason) for p in report.problems] == [
        ("unreadable", str(tmp_path / "empty.mp4"), "the video is empty: it has 0 bytes")
    ]
    assert inspect_dataset(Dataset(None, [], tmp_path, videos=videos), False).problems == []


@pytest.fixture
def film() -> Callable[[Path], int]:
    def make(path: Path) -> int:
        import av

        with av.open(str(path), "w") as container:
            stream = container.add_stream("mpeg4", rate=10)
            stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
            for i in range(5):
                pixels = np.full((48, 64, 3), 40 * i, np.uint8)
                container.mux(stream.encode(av.VideoFrame.from_ndarray(pixels, format="rgb24")))
            container.mux(stream.encode())
        return 5

    return make


def test_real_lsp(data: Path) -> None:
    report = inspect_dataset(open_dataset(data / "lsp"))
    assert (report.images, report.labeled) == (8500, 8500)
    assert sum(point.annotated for point in report.keypoints) == 104742
    # A handful of head tops lie above the picture; every file can be decoded.
    assert report.problem_counts.keys() <= {"point outside"}


def test_real_coco_has_no_problems(data: Path) -> None:
    report = inspect_dataset(open_dataset(data / "coco_style" / "coco" / "test_coco.json"))
    assert report.problems == []
    assert (report.images, report.instances) == (4, 14)
