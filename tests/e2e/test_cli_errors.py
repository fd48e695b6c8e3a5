"""Bad input: one line that names file, row and reason, an exit code, nothing half-written."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from console import TINY, Console

#: Changes the content of an annotation file.
Spoil = Callable[[dict[str, Any]], None]


@pytest.fixture
def spoiled(creatures: Path, tmp_path: Path) -> Callable[[Spoil], Path]:
    """A copy of the annotations with a change; images are named by their absolute paths."""

    def make(spoil: Spoil) -> Path:
        content = json.loads(creatures.read_text(encoding="utf-8"))
        for image in content["images"]:
            image["file_name"] = (creatures.parent / image["file_name"]).as_posix()
        spoil(content)
        file = tmp_path / "spoiled.json"
        file.write_text(json.dumps(content), encoding="utf-8")
        return file

    return make


def short(content: dict[str, Any]) -> None:
    content["annotations"][7]["keypoints"].pop()


def nan(content: dict[str, Any]) -> None:
    content["annotations"][7]["keypoints"][:3] = [float("nan"), 5.0, 2]


def infinite(content: dict[str, Any]) -> None:
    content["annotations"][7]["keypoints"][:3] = [5.0, float("inf"), 2]


def words(content: dict[str, Any]) -> None:
    content["annotations"][7]["keypoints"][0] = "left"


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        (short, "numbers for keypoints"),
        (nan, "is annotated at (nan, 5), which is no place"),
        (infinite, "is annotated at (5, inf), which is no place"),
        (words, "not a list of numbers"),
    ],
)
@pytest.mark.parametrize("verb", ["info", "convert", "split", "train"])
def test_spoiled_annotations(
    verb: str,
    spoil: Spoil,
    reason: str,
    console: Console,
    spoiled: Callable[[Spoil], Path],
    tmp_path: Path,
) -> None:
    file, out = spoiled(spoil), tmp_path / "out"
    more = {"info": (), "convert": (out,), "split": ("-o", out), "train": ("-o", out)}[verb]
    error = console(verb, file, *more).error
    number = json.loads(file.read_text(encoding="utf-8"))["annotations"][7]["id"]
    assert f"{file}, annotation {number}: " in error
    assert reason in error
    assert not out.exists()


def test_broken_json_names_the_row(console: Console, tmp_path: Path) -> None:
    file = tmp_path / "broken.json"
    file.write_text('{\n "images": [],\n "annotations": [\n', encoding="utf-8")
    error = console("info", file, "--format", "coco").error
    assert f"{file}, row 4: this is not valid JSON" in error


def test_broken_json_without_a_format(console: Console, tmp_path: Path) -> None:
    file = tmp_path / "broken.json"
    file.write_text('{"images": [', encoding="utf-8")
    assert str(file) in console("train", file, "-o", tmp_path / "run").error
    assert not (tmp_path / "run").exists()


def test_a_path_that_is_not_there(console: Console, tmp_path: Path) -> None:
    error = console("info", tmp_path / "nothing.json").error
    assert f"{tmp_path / 'nothing.json'}: there is no such file" in error


# -- images --------------------------------------------------------------------------------------


@pytest.fixture
def damaged(creatures: Path, spoiled: Callable[[Spoil], Path], tmp_path: Path) -> Path:
    """Annotations of which one image is missing and one is cut short."""

    def damage(content: dict[str, Any]) -> None:
        content["images"][0]["file_name"] = (tmp_path / "missing.jpg").as_posix()
        pixels = Path(content["images"][1]["file_name"]).read_bytes()
        (tmp_path / "cut.jpg").write_bytes(pixels[: len(pixels) // 2])
        content["images"][1]["file_name"] = (tmp_path / "cut.jpg").as_posix()

    return spoiled(damage)


def test_damaged_images_are_found_by_info(console: Console, damaged: Path) -> None:
    found = json.loads(console("info", damaged, "--json").out)
    assert found["problem_counts"]["missing"] == 1
    assert found["problem_counts"]["unreadable"] == 1
    text = "\n".join(found["problems"])
    assert "missing.jpg" in text
    assert "cut.jpg" in text


def test_damaged_images_are_left_out_of_training(
    console: Console, damaged: Path, tmp_path: Path
) -> None:
    out = tmp_path / "run"
    done = console("train", damaged, "-o", out, "--max-steps", 1, "--quiet", *TINY)
    assert done.code == 0, done.err
    assert "missing.jpg" in done.err
    assert "cut.jpg" in done.err
    problems = (out / "problems.txt").read_text(encoding="utf-8").splitlines()
    assert len(problems) == 2
    result = json.loads((out / "result.json").read_text(encoding="utf-8"))
    assert result["dataset"]["left_out"] == 2


def test_damaged_images_are_an_error_if_strict(
    console: Console, damaged: Path, tmp_path: Path
) -> None:
    error = console("train", damaged, "-o", tmp_path / "run", "--strict").error
    assert "missing.jpg" in error
    assert not (tmp_path / "run").exists()


# -- sets ----------------------------------------------------------------------------------------


def test_an_empty_folder(console: Console, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    assert str(tmp_path / "empty") in console("info", tmp_path / "empty").error


def test_nothing_to_train_on(
    console: Console, spoiled: Callable[[Spoil], Path], tmp_path: Path
) -> None:
    file = spoiled(lambda content: content["annotations"].clear())
    error = console("train", file, "-o", tmp_path / "run").error
    assert "no image in this data set has an annotated point" in error
    assert not (tmp_path / "run").exists()


def test_no_images_at_all(
    console: Console, spoiled: Callable[[Spoil], Path], tmp_path: Path
) -> None:
    def clear(content: dict[str, Any]) -> None:
        content["annotations"].clear()
        content["images"].clear()

    file = spoiled(clear)
    assert str(file.parent) in console("train", file, "-o", tmp_path / "run").error


def other_names(content: dict[str, Any]) -> None:
    names = content["categories"][0]["keypoints"]
    names[0] = f"other_{names[0]}"


def test_another_skeleton_to_evaluate(
    console: Console, run: Path, spoiled: Callable[[Spoil], Path]
) -> None:
    error = console("evaluate", run, spoiled(other_names)).error
    assert "other keypoints than the run" in error


def test_another_skeleton_to_validate(
    console: Console, creatures: Path, spoiled: Callable[[Spoil], Path], tmp_path: Path
) -> None:
    file = spoiled(other_names)
    error = console("train", creatures, "--val", file, "-o", tmp_path / "run").error
    assert "keypoints" in error
    assert not (tmp_path / "run").exists()


def test_nothing_annotated_to_evaluate(
    console: Console, run: Path, spoiled: Callable[[Spoil], Path]
) -> None:
    file = spoiled(lambda content: content["annotations"].clear())
    assert "nothing is annotated here" in console("evaluate", run, file).error


# -- options -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (("--set", "training.learning_rat=1"), "did you mean 'training.learning_rate'?"),
        (("--set", "trainig.max_steps=1"), "did you mean 'training'?"),
        (("--set", "training.max_steps=0"), "'training.max_steps' is 0"),
        (("--set", "training.max_steps"), "not of the form option=value"),
        (("--set", "model.backbone=resnet1888"), "resnet"),
        (("--method", "supervized"), "did you mean 'supervised'?"),
        (("--preset", "cpuu"), "did you mean 'cpu'?"),
        (("--config", "nowhere.yaml"), "nowhere.yaml: there is no such file"),
        (("--weights", "nowhere.safetensors"), "nowhere.safetensors"),
        (("--flip-pair", "nose,nowhere"), "no keypoint"),
        (("--missing-absent", "--method", "supervised"), "does not learn that points are absent"),
    ],
)
def test_options_that_do_not_fit(
    words: tuple[str, ...], reason: str, console: Console, creatures: Path, tmp_path: Path
) -> None:
    out = tmp_path / "run"
    done = console("train", creatures, "-o", out, "--set", "model.pretrained=false", *words)
    assert reason in done.error
    assert not out.exists()


def test_an_option_of_a_method(console: Console, creatures: Path, tmp_path: Path) -> None:
    words = ("--set", "method_options.treshold=1", "--set", "model.pretrained=false")
    done = console("train", creatures, "-o", tmp_path / "run", *words)
    assert done.code == 2
    assert "did you mean 'threshold'?" in done.error
    assert not (tmp_path / "run").exists()


def test_a_run_is_not_overwritten(console: Console, run: Path, creatures: Path) -> None:
    before = (run / "config.yaml").read_bytes()
    error = console("train", creatures, "-o", run, *TINY).error
    assert "there is a run in this folder already" in error
    assert (run / "config.yaml").read_bytes() == before


def test_nothing_to_resume(console: Console, tmp_path: Path) -> None:
    assert "this is not a run" in console("train", "--resume", "-o", tmp_path).error


@pytest.mark.parametrize(
    "words",
    [
        ("--max-steps", 9),
        ("--unlabeled", "x"),
        ("--seed", 1),
        ("--missing-absent",),
        ("--no-missing-absent",),
    ],
)
def test_a_resumed_run_takes_no_other_options(
    words: tuple[str, object], console: Console, run: Path
) -> None:
    done = console("train", "--resume", "-o", run, *words)
    assert done.code == 2
    assert "continues a run as it is" in done.err


def test_what_pck_measures_by_is_checked_before_predicting(
    console: Console, run: Path, creatures: Path
) -> None:
    done = console("evaluate", run, creatures, "--normalizer", "head")
    assert "there is no normaliser 'head'" in done.error
    assert "Thresholds are shares" in console("evaluate", run, creatures, "--alpha", 5).error


def test_a_device_that_is_not_there(console: Console, run: Path, creatures: Path) -> None:
    done = console("evaluate", run, creatures, "--device", "gpu0", "--quiet")
    assert done.code == 2
    assert "no device 'gpu0'" in done.error


def test_an_unknown_ending_is_refused_before_predicting(
    console: Console, run: Path, creatures: Path, tmp_path: Path
) -> None:
    error = console("predict", run, creatures, "-o", tmp_path / "points.txt").error
    assert "points.txt" in error
    assert ".csv" in error


def test_an_unknown_format(console: Console, creatures: Path, tmp_path: Path) -> None:
    assert "did you mean 'yolo'?" in console("convert", creatures, tmp_path, "--to", "yollo").error
    assert "did you mean 'coco'?" in console("info", creatures, "--format", "cocoo").error


def test_an_unknown_protocol(console: Console) -> None:
    assert "did you mean 'lsp-small'?" in console("benchmark", "lsp-smal").error


def test_a_protocol_without_its_data(
    console: Console, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("POINTILLIST_DATA", str(tmp_path))
    monkeypatch.setenv("POINTILLIST_WEIGHTS", str(tmp_path))
    error = console("benchmark", "lsp-small", "--results", tmp_path, "--runs", tmp_path).error
    assert str(tmp_path / "lsp") in error
    assert "https://" in error


def test_a_range_that_does_not_fit(console: Console, creatures: Path, tmp_path: Path) -> None:
    out = tmp_path / "split"
    for words in (("--range", "train=0:500"), ("--range", "trian=0:5"), ("--labeled", "900%")):
        assert console("split", creatures, "-o", out, *words).error
    assert not out.exists()
