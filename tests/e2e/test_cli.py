"""Whole commands on small data, as they are typed."""

from __future__ import annotations

import csv
import json
import signal
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import torch
from console import STEPS, TINY, Console
from safetensors.torch import load_file

import pointillist
from pointillist.lightning_module import TrainingModule
from pointillist.synthetic import SKELETON

KEYPOINTS = list(SKELETON.keypoints)


def test_help_names_every_verb_of_the_documentation(console: Console) -> None:
    done = console("--help")
    assert done.code == 0
    for verb in ("demo", "info", "convert", "split", "train", "evaluate", "predict", "benchmark"):
        assert verb in done.out


def test_version(console: Console) -> None:
    assert console("--version").out == f"pointillist {pointillist.__version__}\n"


# -- data ----------------------------------------------------------------------------------------


def test_info_as_json(console: Console, creatures: Path) -> None:
    done = console("info", creatures, "--json")
    assert done.code == 0
    found = json.loads(done.out)
    assert found["images"] == 30
    assert found["labeled"] == 24
    assert found["unlabeled"] == 6
    assert found["instances"] == 24
    assert found["keypoints"] == KEYPOINTS
    assert found["problems"] == []


def test_info_on_real_data(console: Console, data: Path) -> None:
    done = console("info", data / "mirror_mouse", "--json")
    found = json.loads(done.out)
    assert done.code == 0
    assert found["images"] == found["labeled"] + found["unlabeled"]
    assert len(found["keypoints"]) == 17


def test_info_for_people(console: Console, creatures: Path) -> None:
    done = console("info", creatures)
    assert done.code == 0
    assert "labelled images" in done.out
    assert KEYPOINTS[0] in done.out


def test_convert_there_and_back(console: Console, creatures: Path, tmp_path: Path) -> None:
    assert console("convert", creatures, tmp_path / "yolo", "--to", "yolo").code == 0
    assert console("convert", tmp_path / "yolo", tmp_path / "back.json").code == 0
    before = pointillist.open_dataset(creatures).labeled
    after = pointillist.open_dataset(tmp_path / "back.json").labeled
    first = {Path(image.path).name: image.instances[0] for image in before}
    assert len(after) == len(before)
    for image in after:
        known = first[Path(image.path).name]
        np.testing.assert_allclose(image.instances[0].points, known.points, atol=0.01)


def test_split(console: Console, creatures: Path, tmp_path: Path) -> None:
    ranges = ("--range", "train=0:20", "--range", "val=20:24", "--range", "test=24:30")
    done = console("split", creatures, "-o", tmp_path, *ranges, "--labeled", "10%", "--seed", 3)
    assert done.code == 0
    counts = {
        name: json.loads((tmp_path / f"{name}.json").read_text(encoding="utf-8"))
        for name in ("labeled", "unlabeled", "val", "test")
    }
    assert {name: len(part["images"]) for name, part in counts.items()} == {
        "labeled": 2,
        "unlabeled": 18,
        "val": 4,
        "test": 6,
    }
    assert not any("keypoints" in entry for entry in counts["unlabeled"]["annotations"])


# -- training ------------------------------------------------------------------------------------


def test_a_run_has_everything(run: Path) -> None:
    files = ("config.yaml", "skeleton.json", "environment.json", "problems.txt", "metrics.csv")
    for name in (*files, "model.safetensors", "result.json", "checkpoints/last.ckpt"):
        assert (run / name).is_file(), name
    result = json.loads((run / "result.json").read_text(encoding="utf-8"))
    assert result["status"] == "finished"
    assert result["steps"] == STEPS
    counts = result["dataset"]
    assert counts["labeled"] + counts["val"] == 24
    assert counts["unlabeled"] == 6
    assert counts["left_out"] == 0


def test_an_interrupted_run_is_resumed_and_ends_as_if_it_had_never_stopped(
    console: Console,
    run: Path,
    creatures: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    again = tmp_path / "run"
    ended = TrainingModule.on_train_batch_end

    def press_ctrl_c(module: TrainingModule, *arguments: Any) -> None:
        ended(module, *arguments)
        if module.global_step == STEPS // 2:
            signal.raise_signal(signal.SIGINT)

    words = ("--max-steps", STEPS, "--preset", "cpu", *TINY)
    with monkeypatch.context() as patched:
        patched.setattr(TrainingModule, "on_train_batch_end", press_ctrl_c)
        stopped = console("train", creatures, "-o", again, "--quiet", *words)
    assert stopped.code == 130
    assert f"pointillist train --resume -o {again}" in stopped.err
    assert "Traceback" not in stopped.err
    done = console("train", "--resume", "-o", again, "--quiet")
    assert done.code == 0, done.err
    assert f"{STEPS} steps" in done.out
    weights, whole = (load_file(folder / "model.safetensors") for folder in (again, run))
    assert weights.keys() == whole.keys()
    for name, tensor in weights.items():
        torch.testing.assert_close(tensor, whole[name], msg=name)
    with (again / "metrics.csv").open(encoding="utf-8", newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["val/pck@0.1"]]
    assert len(rows) == STEPS // 2


def test_a_finished_run_is_left_as_it_is(console: Console, run: Path) -> None:
    before = (run / "model.safetensors").stat().st_mtime_ns
    assert console("train", "--resume", "-o", run).code == 0
    assert (run / "model.safetensors").stat().st_mtime_ns == before


def test_semi_supervised_training_on_a_split(
    console: Console, creatures: Path, tmp_path: Path
) -> None:
    split = ("--range", "train=0:20", "--range", "val=20:24", "--labeled", 8)
    assert console("split", creatures, "-o", tmp_path / "split", *split).code == 0
    method = ("--method", "semantic_consistency", "--max-steps", 2, "--quiet")
    done = console("train", tmp_path / "split", "-o", tmp_path / "run", *method, *TINY)
    assert done.code == 0, done.err
    result = json.loads((tmp_path / "run" / "result.json").read_text(encoding="utf-8"))
    assert result["dataset"] == {
        "labeled": 8,
        "unlabeled": 12,
        "val": 4,
        "crops": 20,
        "left_out": 0,
    }


def test_points_that_cannot_be_seen(console: Console, creatures: Path, tmp_path: Path) -> None:
    """Learnt as absent, and scored as such, where the data has nothing but gaps."""
    gaps = json.loads(creatures.read_text(encoding="utf-8"))
    gaps["images"] = [
        entry | {"file_name": str(creatures.parent / entry["file_name"])}
        for entry in gaps["images"]
    ]
    for annotation in gaps["annotations"][::2]:
        annotation["keypoints"][-3:] = [0, 0, 0]
    (tmp_path / "gaps.json").write_text(json.dumps(gaps), encoding="utf-8")
    words = ("--missing-absent", "--max-steps", 2, "--quiet", *TINY)
    done = console("train", tmp_path / "gaps.json", "-o", tmp_path / "run", *words)
    assert done.code == 0, done.err
    labeled = json.loads((tmp_path / "run/split/labeled.json").read_text(encoding="utf-8"))
    for entry in labeled["annotations"]:
        seen = entry["keypoints"][-1] > 0
        assert (KEYPOINTS[-1] in entry.get("absent", ())) != seen
    assert "are taken for absent: " in (tmp_path / "run/notes.txt").read_text(encoding="utf-8")
    evaluate = ("evaluate", tmp_path / "run", tmp_path / "gaps.json", "--json")
    told = json.loads(console(*evaluate, "--missing-absent").out)["absence_auc"]
    assert told["absent"] >= 12
    assert 0 <= told["value"] <= 1
    assert told["per_keypoint"][KEYPOINTS[-1]]["n"] == 24
    nothing = "no point is marked absent"
    assert json.loads(console(*evaluate).out)["absence_auc"]["reason"] == nothing
    # A DeepLabCut project means it so, unless somebody says otherwise.
    converted = console("convert", tmp_path / "gaps.json", tmp_path / "p", "--to", "deeplabcut")
    assert converted.code == 0, converted.err
    evaluate = ("evaluate", tmp_path / "run", tmp_path / "p", "--json")
    assert json.loads(console(*evaluate).out)["absence_auc"]["absent"] >= 12
    left_out = json.loads(console(*evaluate, "--no-missing-absent").out)["absence_auc"]
    assert left_out["reason"] == nothing
    # A method that does not learn it is not told, and nobody is told to ask for it.
    for method, marked in {"auto": True, "supervised": False}.items():
        words = ("--method", method, "--max-steps", 2, "--quiet", *TINY)
        done = console("train", tmp_path / "p", "-o", tmp_path / method, *words)
        assert done.code == 0, done.err
        labeled = json.loads((tmp_path / method / "split/labeled.json").read_text(encoding="utf-8"))
        assert any("absent" in entry for entry in labeled["annotations"]) == marked
        said = (tmp_path / method / "notes.txt").read_text(encoding="utf-8")
        assert ("missing-absent" in said) == marked


# -- predictions and scores ----------------------------------------------------------------------


def test_evaluate_as_json(console: Console, run: Path, creatures: Path, tmp_path: Path) -> None:
    done = console("evaluate", run, creatures, "--json", "--plots", tmp_path / "report")
    assert done.code == 0, done.err
    scores = json.loads(done.out)
    score = scores["pck@0.1"]
    assert set(score) >= {"value", "ci95", "per_keypoint", "n", "normalizer", "definition"}
    assert 0 <= score["ci95"][0] <= score["value"] <= score["ci95"][1] <= 1
    assert list(score["per_keypoint"]) == KEYPOINTS
    assert score["n"] == sum(part["n"] for part in score["per_keypoint"].values())
    assert score["normalizer"] == "bbox"
    for name, figure in scores.items():
        assert figure["value"] is not None or figure["reason"], name
    assert (tmp_path / "report" / "index.html").is_file()
    assert (tmp_path / "report" / "metrics.json").is_file()


def test_evaluate_for_people(console: Console, run: Path, creatures: Path) -> None:
    done = console("evaluate", run, creatures, "--quiet", "--normalizer", "image", "--alpha", 0.3)
    assert done.code == 0, done.err
    assert "pck@0.3" in done.out
    assert "by image" in done.out


def test_predict_a_folder_to_csv_with_overlays(
    console: Console, run: Path, creatures: Path, tmp_path: Path
) -> None:
    out, overlay = tmp_path / "points.csv", tmp_path / "overlay"
    done = console("predict", run, creatures.parent / "images", "-o", out, "--overlay", overlay)
    assert done.code == 0, done.err
    with out.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 30
    assert len(list(overlay.rglob("*.jpg"))) == 30
    for row in rows:
        for name in KEYPOINTS:
            assert -64 <= float(row[f"{name}_x"]) <= 128
            assert 0 <= float(row[f"{name}_confidence"]) <= 1


def test_predict_a_data_set_to_coco_results(
    console: Console, run: Path, creatures: Path, tmp_path: Path
) -> None:
    out = tmp_path / "results.json"
    assert console("predict", run, creatures, "-o", out, "--quiet", "--no-flip").code == 0
    results = json.loads(out.read_text(encoding="utf-8"))
    known = json.loads(creatures.read_text(encoding="utf-8"))
    ids = {image["file_name"]: image["id"] for image in known["images"]}
    assert len(results) == 30
    for entry in results:
        assert ids[entry["file_name"]] == entry["image_id"]
        assert len(entry["keypoints"]) == 3 * len(KEYPOINTS)


def test_coordinates_are_the_files(
    console: Console, run: Path, creatures: Path, tmp_path: Path
) -> None:
    """An image enlarged three times gives points three times as far."""
    small = creatures.parent / "images" / "000000.jpg"
    for name, factor in (("one", 1), ("three", 3)):
        (tmp_path / name).mkdir()
        pixels = cv2.imread(str(small))
        # Nearest neighbour: averaging nine equal pixels gives the small image back exactly.
        large = pixels.repeat(factor, axis=0).repeat(factor, axis=1)
        assert cv2.imwrite(str(tmp_path / name / "image.png"), large)
    found = [pointillist.predict(run, tmp_path / name)[0].instances[0] for name in ("one", "three")]
    np.testing.assert_allclose(found[1].points, 3 * found[0].points, atol=0.05)


def test_unreadable_images_are_named_and_the_others_predicted(
    console: Console, run: Path, creatures: Path, tmp_path: Path
) -> None:
    good = (creatures.parent / "images" / "000000.jpg").read_bytes()
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "good.jpg").write_bytes(good)
    (tmp_path / "photos" / "cut.jpg").write_bytes(good[: len(good) // 3])
    (tmp_path / "photos" / "text.jpg").write_text("this is no image", encoding="utf-8")
    out = tmp_path / "points.csv"
    done = console("predict", run, tmp_path / "photos", "-o", out, "--quiet")
    assert done.code == 1
    assert "cut.jpg" in done.err
    assert "text.jpg" in done.err
    with out.open(encoding="utf-8", newline="") as file:
        assert [row["image"] for row in csv.DictReader(file)] == ["good.jpg"]


@pytest.mark.parametrize("verb", ["evaluate", "predict"])
def test_what_is_no_run_is_refused(
    verb: str, console: Console, creatures: Path, tmp_path: Path
) -> None:
    more = ("-o", tmp_path / "points.csv") if verb == "predict" else ()
    error = console(verb, tmp_path, creatures, *more).error
    assert str(tmp_path) in error
    assert "this is not a run" in error
