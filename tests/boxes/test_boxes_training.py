"""Training and finding, in a few steps: what comes out need not be good."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from scenes import FRAME, make_scenes

from pointillist.boxes.detector import BoxDetector, Detections
from pointillist.boxes.preparation import count_found
from pointillist.boxes.suppression import ScoredBox
from pointillist.boxes.training import train_box_finder
from pointillist.config import Config, make_config
from pointillist.dataset import Dataset, Image
from pointillist.errors import ConfigError, DataError
from pointillist.inference import evaluate, predict
from pointillist.models.box_finder import load_box_finder, save_box_finder
from pointillist.run import Run
from pointillist.training import train


def _config(**finder: Any) -> Config:
    """A very small network and a few steps."""
    values = {
        "localize": True,
        "input": {"width": 64, "height": 64},
        "model": {"backbone": "test_byobnet", "width": 16},
        "training": {
            "max_steps": 2,
            "validate_every": 2,
            "labeled_per_step": 2,
            "workers": 1,
            "accelerator": "cpu",
            "precision": "32",
        },
        "box_finder": {"max_steps": 3, "width": 96, "height": 64, "images_per_step": 2, **finder},
    }
    return make_config(values=values)


@pytest.fixture(scope="module")
def scenes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("data") / "scenes"
    make_scenes(folder, 4, boxes=False)
    return folder


@pytest.fixture(scope="module")
def run(scenes: Path, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A run with a box finder; an unlabelled copy of the scenes went into it too."""
    bare = make_scenes(tmp_path_factory.mktemp("more") / "bare", 3, seed=7)
    bare = bare.subset(Image(image.path, *FRAME) for image in bare)
    return train(
        scenes,
        tmp_path_factory.mktemp("runs") / "run",
        unlabeled=[bare],
        config=_config(),
        quiet=True,
    )


def test_a_run_with_a_box_finder(run: Run) -> None:
    report = json.loads((run.path / "box_finder.json").read_text(encoding="utf-8"))
    assert report["images"] == 4
    assert report["steps"] == 3
    assert report["checked_on"] == "the images it was trained on"
    assert report["unlabeled_with_found_boxes"] + report["unlabeled_left_out"] == 3
    left_out = [
        line
        for line in (run.path / "problems.txt").read_text(encoding="utf-8").splitlines()
        if "box finder sees nothing" in line
    ]
    assert bool(left_out) == (report["unlabeled_left_out"] > 0)
    split = json.loads((run.path / "split" / "labeled.json").read_text(encoding="utf-8"))
    assert all(entry["box_from_points"] for entry in split["annotations"])
    assert run.box_finder().training is False


def test_boxes_lie_in_the_file_and_are_those_of_the_loaded_network(
    run: Run, scenes: Path, tmp_path: Path
) -> None:
    network, options = run.box_finder(), run.config.box_finder
    data = make_scenes(tmp_path / "again", 3)
    data.images.insert(1, Image("gone.png"))
    found = BoxDetector(network, options, score=0.01, batch_size=2).detect_in(data)
    assert list(found.problems) == [1]
    assert "gone.png" in found.problems[1]
    assert found.boxes[1] == []
    boxes = [scored.box for part in found.boxes for scored in part or ()]
    assert boxes
    for x, y, width, height in boxes:
        assert x >= 0
        assert y >= 0
        assert x + width <= FRAME[0] + 1e-6
        assert y + height <= FRAME[1] + 1e-6
    some = BoxDetector(network, options, score=0.01).detect_in(data, [2])
    assert some.boxes == [None, None, found.boxes[2], None]
    save_box_finder(network, tmp_path / "finder.safetensors")
    again = load_box_finder(run.config.model, tmp_path / "finder.safetensors")
    assert BoxDetector(again, options, score=0.01).detect_in(data).boxes == found.boxes


def test_prediction_says_that_it_looks_for_objects(run: Run, scenes: Path, tmp_path: Path) -> None:
    said: list[str] = []
    predicted = predict(run, scenes, box_score=0.01, say=said.append)
    assert said == ["no boxes are known in 4 images: the run's box finder looks for them"]
    assert all(image.problem is None for image in predicted)
    boxed = make_scenes(tmp_path / "boxed", 2)
    said.clear()
    known = predict(run, boxed, say=said.append)
    assert said == []
    assert [len(i.instances) for i in known] == [len(i.instances) for i in boxed]
    whole = predict(run, scenes, localize=False)
    # One for each label: they were annotated, and nobody looked for others.
    assert sum(len(image.instances) for image in whole) > 0


def test_evaluation_counts_missed_and_extra_instances(run: Run, scenes: Path) -> None:
    scores, truth, _ = evaluate(run, scenes)
    count = sum(len(image.instances) for image in truth)
    assert scores["missed_instances"]["n"] == count
    assert "extra_instances" in scores
    assert scores["oks_ap"]["n"] == count
    paired, _, _ = evaluate(run, scenes, localize=False)
    assert "extra_instances" not in paired
    assert paired["missed_instances"]["value"] == 0


def test_a_detectors_boxes(run: Run, scenes: Path, tmp_path: Path) -> None:
    data = make_scenes(tmp_path / "boxed", 3)
    entries = [
        {"file_name": image.path, "bbox": list(instance.box or ()), "score": 0.9}
        for image in data
        for instance in image.instances
    ]
    file = tmp_path / "detections.json"
    file.write_text(json.dumps(entries), encoding="utf-8")
    given = predict(run, data, boxes=file)
    own = predict(run, data)
    for image, other in zip(given, own, strict=True):
        points = sorted(i.points.round(3).tolist() for i in image.instances)
        assert points == sorted(i.points.round(3).tolist() for i in other.instances)
    with pytest.raises(ConfigError, match="choose one"):
        predict(run, data, boxes=file, localize=True)


def test_an_interrupted_preparation_is_made_again(
    scenes: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from pointillist.boxes import preparation

    def stop(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(preparation, "save_box_finder", stop)
    with pytest.raises(KeyboardInterrupt):
        train(scenes, tmp_path / "run", config=_config(), quiet=True)
    assert not Run.open(tmp_path / "run").box_finder_weights.exists()
    monkeypatch.undo()
    run = train(out=tmp_path / "run", resume=True, quiet=True)
    assert run.metrics["status"] == "finished"
    assert run.box_finder_weights.exists()


def test_nothing_to_learn_from(tmp_path: Path) -> None:
    data = make_scenes(tmp_path / "scenes", 2)
    bare = data.subset(image.without_labels() for image in data)
    with pytest.raises(DataError, match=r"no box to learn from.*without --localize"):
        train_box_finder(_config(), bare, tmp_path)
    with pytest.raises(ConfigError, match="100 x 64"):
        train_box_finder(_config(width=100), data, tmp_path)


def test_a_run_without_a_box_finder_says_so(run: Run, scenes: Path, tmp_path: Path) -> None:
    config = run.config.model_copy(update={"localize": False})
    other = Run.create(tmp_path / "other", config, run.skeleton)
    (other.path / "model.safetensors").write_bytes(run.weights.read_bytes())
    said: list[str] = []
    assert all(image.instances for image in predict(other, scenes, say=said.append))
    assert said == []
    with pytest.raises(DataError, match="no network that finds boxes"):
        predict(other, scenes, localize=True)


def test_counting_what_was_found(tmp_path: Path) -> None:
    data = make_scenes(tmp_path / "scenes", 3)
    true = [[instance.box for instance in image.instances] for image in data]
    boxes: list[list[ScoredBox] | None] = [
        [ScoredBox(box, 0.9) for box in image if box is not None] for image in true
    ]
    count = sum(map(len, true))
    assert count_found(data, Detections(boxes, {})) == {
        "objects": count, "found": count, "extra": 0
    }  # fmt: skip
    assert boxes[0] is not None
    x, y, width, height = boxes[0][0].box
    boxes[0].append(boxes[0][0])  # each object is found once
    boxes[0][0] = ScoredBox((x + 0.6 * width, y, width, height), 0.9)
    boxes[1] = []
    lost = len(true[1])
    assert count_found(data, Detections(boxes, {})) == {
        "objects": count, "found": count - lost, "extra": 1
    }  # fmt: skip


def test_a_data_set_of_nothing_unlabelled_stays_empty(run: Run) -> None:
    empty = Dataset(run.skeleton, [], Path())
    detector = BoxDetector(run.box_finder(), run.config.box_finder)
    assert detector.detect_in(empty).boxes == []
    assert detector.detect([]) == []


def test_small_creatures_are_found_after_a_short_training(tmp_path: Path) -> None:
    config = _config(max_steps=200, width=128, height=96, images_per_step=8, learning_rate=8e-3)
    config.model.width = 32
    network = train_box_finder(config, make_scenes(tmp_path / "train", 80, seed=1), tmp_path)
    test = make_scenes(tmp_path / "test", 24, seed=2)
    found = BoxDetector(network, config.box_finder).detect_in(test)
    counts = count_found(test, found)
    # Two of three at this writing, and a random network finds none.
    assert counts["found"] >= 0.4 * counts["objects"]
    assert counts["found"] + counts["extra"] <= 1.6 * counts["objects"]
    seen = 0
    for image, boxes in zip(test, found.boxes, strict=True):
        for x, y, width, height in (i.box for i in image.instances if i.box):
            middle = (x + width / 2, y + height / 2)
            seen += any(
                left <= middle[0] <= left + across and top <= middle[1] <= top + down
                for (left, top, across, down), _ in boxes or ()
            )
    assert seen >= 0.75 * counts["objects"], "a box is there, be it too large or too small"
