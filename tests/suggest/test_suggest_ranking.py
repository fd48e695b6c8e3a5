"""The whole way: a run, images, and a ranking; as a function and as a command."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
from typer.testing import CliRunner

from pointillist.cli import app
from pointillist.config import make_config
from pointillist.dataset import Dataset
from pointillist.errors import ConfigError, DataError
from pointillist.suggest import STRATEGIES, Suggestions, suggest
from pointillist.synthetic import make_dataset
from pointillist.training import train

LABELED, UNLABELED = 8, 12


@pytest.fixture(scope="module")
def creatures(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    """Creatures, the first of them labelled."""
    folder = tmp_path_factory.mktemp("creatures") / "data"
    return make_dataset(folder, LABELED + UNLABELED, 1, (64, 64), LABELED)


@pytest.fixture(scope="module")
def run(creatures: Dataset, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny run."""
    sets = (
        *("model.backbone=test_resnet.r160_in1k", "model.width=16", "training.max_steps=6"),
        *("input.width=64", "input.height=64", "training.labeled_per_step=4"),
        *("training.accelerator=cpu", "training.precision=32"),
    )
    folder = tmp_path_factory.mktemp("runs") / "run"
    return train(creatures, folder, config=make_config(sets=sets), quiet=True).path


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_every_strategy_picks_unlabelled_images(
    run: Path, creatures: Dataset, strategy: str
) -> None:
    found = suggest(run, creatures, count=5, strategy=strategy, device="cpu")
    picked = [pick.image.path for pick in found.picks]
    assert len(set(picked)) == 5
    assert set(picked) <= {image.path for image in creatures.unlabeled}
    assert found.candidates == UNLABELED
    assert found.left_out == {"are labelled": LABELED}
    assert not found.problems
    for pick in found.picks:
        assert 0 <= pick.uncertainty <= 1
        assert 0 <= pick.novelty <= 1
        assert pick.why
        assert pick.why.startswith("by chance") == (strategy == "random")


def test_the_same_again(run: Path, creatures: Dataset) -> None:
    first, second = (suggest(run, creatures, count=6, device="cpu") for _ in range(2))
    assert first == second
    fewer = suggest(run, creatures, count=2, device="cpu")
    assert [p.image for p in fewer.picks] == [p.image for p in first.picks[:2]]


def test_copies_of_an_image_are_picked_once(run: Path, creatures: Dataset, tmp_path: Path) -> None:
    images = []
    for number, image in enumerate([creatures[0], *creatures.unlabeled[:3]]):
        for copy in ("a", "b"):
            path = tmp_path / f"{number}{copy}.jpg"
            shutil.copy(creatures.file(image), path)
            images.append(replace(image.without_labels(), path=str(path)))
    given = Dataset(None, images, tmp_path)
    for strategy in STRATEGIES:
        found = suggest(run, given, count=9, strategy=strategy, device="cpu")
        assert sorted(Path(pick.image.path).name[0] for pick in found.picks) == ["1", "2", "3"]
        # Copies of a labelled image teach nothing either.
        assert found.left_out == {"nearly repeat a labelled image": 2}


def test_broken_files_are_named(run: Path, creatures: Dataset, tmp_path: Path) -> None:
    (tmp_path / "broken.jpg").write_bytes(b"no picture")
    with pytest.raises(DataError, match=r"none of the images is of use: .*broken\.jpg"):
        suggest(run, tmp_path, device="cpu")
    shutil.copy(creatures.file(creatures[-1]), tmp_path / "good.jpg")
    found = suggest(run, tmp_path, device="cpu")
    assert [pick.image.path for pick in found.picks] == ["good.jpg"]
    assert len(found.problems) == 1
    assert "broken.jpg" in found.problems[0]


def test_an_unknown_strategy(run: Path, creatures: Dataset) -> None:
    with pytest.raises(ConfigError, match="did you mean 'both'"):
        suggest(run, creatures, strategy="bot")


def test_the_command(run: Path, creatures: Dataset, tmp_path: Path) -> None:
    words = ["suggest", str(run), str(creatures.root), "-n", "3", "--device", "cpu", "--quiet"]
    out = creatures.root / "suggestions.json"
    done = CliRunner().invoke(app, [*words, "-o", str(out)])
    assert done.exit_code == 0, done.output
    assert f"3 of {UNLABELED} unlabelled images" in done.output
    value = json.loads(out.read_text(encoding="utf-8"))
    assert [pick["rank"] for pick in value["picks"]] == [1, 2, 3]
    assert all((creatures.root / pick["image"]).is_file() for pick in value["picks"])
    assert all(pick["frame"] is None and pick["why"] for pick in value["picks"])
    out.unlink()


def test_the_command_as_json(run: Path, creatures: Dataset) -> None:
    words = ["suggest", str(run), str(creatures.root), "-n", "2", "--device", "cpu", "--json"]
    done = CliRunner().invoke(app, words)
    assert done.exit_code == 0, done.output
    value = json.loads(done.stdout)
    assert value["strategy"] == "both"
    assert value["candidates"] == UNLABELED
    assert len(value["picks"]) == 2


def test_the_page_reads_what_is_written(run: Path, creatures: Dataset, tmp_path: Path) -> None:
    pytest.importorskip("fastapi")
    from pointillist.web.predictions import SUGGESTIONS, Predictions
    from pointillist.web.project import Project

    project = Project.create(tmp_path / "project", creatures)
    try:
        found: Suggestions = suggest(run, project.annotations, count=4, device="cpu")
        found.save(project.folder / SUGGESTIONS)
        shown = Predictions()
        shown.refresh(project)
        assert not shown.problems
        by_rank = sorted((rank, number, why) for number, (rank, why) in shown.suggested.items())
        assert [rank for rank, _, _ in by_rank] == [1, 2, 3, 4]
        for pick, (_, number, why) in zip(found.picks, by_rank, strict=True):
            assert Path(project.image(number).path).name == Path(pick.image.path).name
            assert why == pick.why
    finally:
        project.close()
