"""From files to points in their pixels, with a network that answers what it sees."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from core_cases import SKELETON, tiny_config
from pointillist.backend import TorchBackend
from pointillist.config import InputOptions
from pointillist.crops import CropSpec
from pointillist.dataset import VISIBLE, Box, Dataset, Image, Instance
from pointillist.errors import DataError
from pointillist.formats import save_dataset
from pointillist.inference import Predictor, as_dataset, evaluate, predict
from pointillist.metrics import score
from pointillist.run import Run
from pointillist.skeleton import Skeleton
from seeing import SeeingNetwork, three_dots

SIZE, MARGIN = (96, 64), 1.3
FILES = [(150, 90), (70, 130), (240, 100)]
BOXES: list[Box | None] = [None, (5.0, 8.0, 60.0, 90.0), (100.0, 10.0, 130.0, 80.0)]


def predictor(*, flip: bool = True, batch_size: int = 2) -> Predictor:
    options = InputOptions(width=SIZE[0], height=SIZE[1], margin=MARGIN)
    network = SeeingNetwork()
    backend = TorchBackend(network, SKELETON, options, flip=flip, device="cpu")
    return Predictor(backend, batch_size=batch_size)


def write(folder: Path, boxes: list[Box | None] = BOXES) -> Dataset:
    """Three files of different shapes with their true points; shapes and boxes not square."""
    folder.mkdir(parents=True)
    images = []
    for i, (file, box) in enumerate(zip(FILES, boxes, strict=True)):
        pixels, points = three_dots(file, box, CropSpec(*SIZE, MARGIN))
        cv2.imwrite(str(folder / f"{i}.png"), pixels[..., ::-1])
        truth = Instance(points, np.full(3, VISIBLE), box=box, id=10 + i)
        images.append(Image(f"{i}.png", *file, [truth]))
    return Dataset(SKELETON, images, folder, name="three")


@pytest.fixture
def data(tmp_path: Path) -> Dataset:
    return write(tmp_path / "data")


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """A run whose network is the one that sees."""
    config = tiny_config(
        f"input.width={SIZE[0]}", f"input.height={SIZE[1]}", f"input.margin={MARGIN}"
    )
    monkeypatch.setattr(Run, "network", lambda self: SeeingNetwork())
    return Run.create(tmp_path / "run", config, SKELETON)


def errors(truth: Dataset, predicted: Dataset) -> np.ndarray:
    """(N, K) distances, in pixels of the network's input."""
    spec = CropSpec(*SIZE, MARGIN)
    found = []
    for a, b in zip(truth, predicted, strict=True):
        (known,), (told,) = a.instances, b.instances
        region = spec.region(known.box, a.width or 0, a.height or 0)
        found.append(np.linalg.norm(told.points - known.points, axis=1) * SIZE[0] / region[2])
    return np.array(found)


@pytest.mark.parametrize("flip", [False, True])
@pytest.mark.parametrize("batch_size", [1, 2, 32])
def test_predictions_are_in_the_files_pixels(data: Dataset, flip: bool, batch_size: int) -> None:
    predicted = predictor(flip=flip, batch_size=batch_size).predict(data)
    assert errors(data, predicted).max() < 0.4
    assert predicted.problems == []
    assert [image.path for image in predicted] == ["0.png", "1.png", "2.png"]
    for image, told, size in zip(data, predicted, FILES, strict=True):
        (instance,) = told.instances
        assert instance.box == image.instances[0].box
        assert instance.id == image.instances[0].id
        assert instance.confidence is not None
        assert (instance.confidence > 0.8).all()
        assert instance.score == pytest.approx(instance.confidence.mean())
        assert (told.width, told.height) == size


def test_labels_are_not_looked_at(data: Dataset) -> None:
    wrong = data.subset(
        replace(
            image,
            instances=[replace(i, points=np.full((3, 2), 1.0)) for i in image.instances],
        )
        for image in data
    )
    one, other = predictor().predict(data), predictor().predict(wrong)
    for a, b in zip(one, other, strict=True):
        assert np.array_equal(a.instances[0].points, b.instances[0].points)


def test_boxes_without_instances_and_whole_images(data: Dataset) -> None:
    bare = data.subset(image.without_labels() for image in data)
    predicted = predictor().predict(bare)
    assert [i.box for image in predicted for i in image.instances] == BOXES
    assert not any(image.boxes for image in predicted)
    assert errors(data, predicted).max() < 0.4


def test_every_instance_of_an_image_in_order(data: Dataset) -> None:
    first = data[1]
    twice = [first.instances[0], replace(first.instances[0], id=99)]
    one = data.subset([replace(first, instances=twice)])
    (image,) = predictor().predict(one)
    assert [instance.id for instance in image.instances] == [11, 99]
    assert np.array_equal(image.instances[0].points, image.instances[1].points)


def test_unreadable_files_are_named_and_the_rest_is_predicted(data: Dataset) -> None:
    data.file(data[1]).write_bytes(b"no image")
    data.file(data[2]).unlink()
    predicted = predictor(batch_size=1).predict(data)
    assert [len(image.instances) for image in predicted] == [1, 0, 0]
    assert [name in line for name, line in zip(("1.png", "2.png"), predicted.problems, strict=True)]
    assert len(predicted.problems) == 2
    assert predicted[0].problem is None
    assert "1.png" in (predicted[1].problem or "")
    assert errors(data.subset(data[:1]), predicted.subset(predicted[:1])).max() < 0.4  # type: ignore[arg-type]


def test_no_images_at_all(data: Dataset) -> None:
    assert len(predictor().predict(data.subset([]))) == 0


Source = Callable[[Dataset], object]


@pytest.mark.parametrize(
    ("source", "count"),
    [
        (lambda data: data, 3),
        (lambda data: data.root, 3),
        (lambda data: str(data.root / "0.png"), 1),
        (lambda data: [data.root / "2.png", data.root / "0.png"], 2),
        (lambda data: [data.root], 3),
        (lambda data: [data.root, data.root / "1.png"], 4),
    ],
)
def test_what_can_be_predicted(data: Dataset, source: Source, count: int, run: Run) -> None:
    predicted = predict(run.path, source(data), device="cpu")  # type: ignore[arg-type]
    assert len(predicted) == count
    assert all(predicted.file(image).is_file() for image in predicted)
    assert all(len(image.instances) == 1 for image in predicted)
    assert predicted.skeleton == SKELETON


def test_a_list_keeps_its_order(data: Dataset) -> None:
    files = [data.root / "2.png", data.root / "0.png", data.root / "1.png"]
    joined = as_dataset(files)
    assert [joined.file(image) for image in joined] == [file.resolve() for file in files]


@pytest.mark.parametrize("second", [True, False])
def test_a_list_means_what_all_of_its_files_mean(
    data: Dataset, tmp_path: Path, second: bool
) -> None:
    files = [tmp_path / "a.json", tmp_path / "b.json"]
    for file, meant in zip(files, (True, second), strict=True):
        save_dataset(replace(data, missing_absent=meant), file)
    assert as_dataset(files).missing_absent == second


def test_evaluation(data: Dataset, run: Run) -> None:
    scores, truth, predicted = evaluate(run, data, device="cpu")
    assert scores["pck@0.05"]["value"] == 1
    assert scores["pck@0.05"]["n"] == 9
    assert len(truth) == len(predicted) == 3
    save_dataset(data, data.root / "annotations.json")
    again = evaluate(run.path, data.root / "annotations.json", device="cpu")[0]
    assert again["pck@0.05"] == scores["pck@0.05"]


def test_evaluation_leaves_out_what_cannot_be_scored(data: Dataset, run: Run) -> None:
    data.file(data[0]).write_bytes(b"no image")
    nothing = Instance(np.full((3, 2), np.nan), np.zeros(3), box=BOXES[1])
    crowd = replace(data[2].instances[0], crowd=True)
    data[1].instances.insert(0, nothing)
    only_crowd = replace(data[2], instances=[crowd])
    mixed = data.subset([*data, only_crowd, Image("3.png")])
    scores, truth, predicted = evaluate(run, mixed, device="cpu")
    assert [image.path for image in truth] == [image.path for image in predicted]
    assert {image.path for image in truth} == {"1.png", "2.png"}
    assert scores["pck@0.1"]["n"] == 6
    assert scores["pck@0.1"]["value"] == 1
    assert len(predicted.problems) == 1


def test_what_is_predicted_in_a_crowd_does_not_count_against_it(data: Dataset, run: Run) -> None:
    """One of three is annotated elsewhere; what is predicted for it lies on a crowd's points."""
    here = data[2].instances[0]
    missed = replace(here, points=here.points + 200.0)
    data[2].instances[:] = [missed, replace(here, crowd=True)]
    scores, truth, predicted = evaluate(run, data, device="cpu")
    assert [len(image.instances) for image in truth] == [1, 1, 2]
    assert [len(image.instances) for image in predicted] == [1, 1, 1]
    assert scores["pck@0.1"]["value"] == pytest.approx(2 / 3)
    # Two of three are found, with nothing wrong among them, even where that prediction is the
    # surest: precision 1 at the recalls 0, 0.01, ..., 0.66 of COCO's 101, and 0 at the others.
    assert scores["oks_ap50"]["value"] == pytest.approx(67 / 101)
    predicted[2].instances[0].score = 2.0
    surest = score(truth, predicted, paired=True)
    assert surest["oks_ap50"]["value"] == pytest.approx(67 / 101)


def test_evaluation_needs_the_same_points_and_files(data: Dataset, run: Run) -> None:
    other = replace(data, skeleton=Skeleton(("a", "b", "c")))
    with pytest.raises(DataError, match=r"other keypoints.*left, right, nose"):
        evaluate(run, other)
    bare = data.subset(image.without_labels() for image in data)
    with pytest.raises(DataError, match="nothing is annotated"):
        evaluate(run, bare)
    for image in data:
        data.file(image).unlink()
    with pytest.raises(DataError, match="none of the images can be read"):
        evaluate(run, data)
