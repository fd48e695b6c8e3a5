"""Cells: which there are, and the work of one."""

from __future__ import annotations

from pathlib import Path

import pytest

from pointillist.benchmark.cells import Cell, CellTaken, Work, cells, some_of
from pointillist.dataset import Dataset, Image
from pointillist.errors import ConfigError
from tiny_protocol import tiny_protocol


@pytest.fixture
def work(tmp_path: Path) -> Work:
    return Work(
        protocol=tiny_protocol(),
        cell=Cell("supervised", 25, 0),
        results=tmp_path / "results",
        runs=tmp_path / "runs",
    )


def names(work: Work, *arguments: object, **more: object) -> list[str]:
    return [cell.name for cell in cells(work.protocol, *arguments, **more)]  # type: ignore[arg-type]


def test_seeds_come_last(work: Work) -> None:
    grid = names(work, ["supervised", "te_ti"], [5, 12.5], 2)
    assert grid[:4] == [
        *("supervised-5-seed0", "te_ti-5-seed0", "supervised-12.5-seed0", "te_ti-12.5-seed0")
    ]
    assert len(grid) == 8
    assert names(work, ["supervised"], [5], [7]) == ["supervised-5-seed7"]


def test_amounts_of_unlabelled_images_are_for_those_who_use_them(work: Work) -> None:
    found = names(work, ["supervised", "semantic_consistency"], [5, 100], 1, (10, 50, 100))
    assert found == [
        "supervised-5-seed0",
        "semantic_consistency-5-unlabeled10-seed0",
        "semantic_consistency-5-unlabeled50-seed0",
        "semantic_consistency-5-seed0",
        "supervised-100-seed0",
        "semantic_consistency-100-seed0",
    ]


def test_without_unlabelled_images_there_are_no_pseudo_labels(work: Work) -> None:
    both = names(work, ["supervised", "pseudo_labels"], [5, 100], 1)
    assert both == ["supervised-5-seed0", "pseudo_labels-5-seed0", "supervised-100-seed0"]
    with pytest.raises(ConfigError, match="nothing for pseudo_labels to learn"):
        names(work, ["pseudo_labels"], [100], 1)
    rows = ["te_ti", "pseudo_labels"]
    assert names(work, rows, [5], 1, [0]) == ["te_ti-5-unlabeled0-seed0"]


def test_a_file_of_other_images_is_there_with_all_labels_too(work: Work) -> None:
    work.protocol.data.files = {"train": "a.json", "unlabeled": "b.json"}
    rows = ["supervised", "te_ti", "pseudo_labels"]
    assert names(work, rows, [100], 1, [10]) == [
        "supervised-100-seed0",
        "te_ti-100-unlabeled10-seed0",
        "pseudo_labels-100-unlabeled10-seed0",
    ]


@pytest.mark.parametrize("share", [101, -5])
def test_shares_are_percentages(work: Work, share: float) -> None:
    for wrong in (share, 0):  # without a label there is nothing to learn
        with pytest.raises(ConfigError, match=r"fractions: .* is no percentage"):
            names(work, ["supervised"], [wrong], 1)
    with pytest.raises(ConfigError, match=r"unlabeled: .* is no percentage"):
        names(work, ["supervised"], [5], 1, [share])


def test_smaller_amounts_lie_within_larger_ones() -> None:
    whole = Dataset(None, [Image(f"{i}", 1, 1) for i in range(30)], Path())
    parts = [[image.path for image in some_of(whole, p, seed=3)] for p in (1, 10, 50, 100)]
    assert [len(part) for part in parts] == [1, 3, 15, 30]
    assert len(some_of(whole, 0, seed=3)) == 0
    assert set(parts[0]) < set(parts[1]) < set(parts[2]) < set(parts[3])
    assert all(part == sorted(part, key=int) for part in parts)
    assert parts[2] != [image.path for image in some_of(whole, 50, seed=4)]


def test_a_work_survives_the_way_to_another_process(work: Work) -> None:
    work.protocol.published = {1: {"HRNet": {5: "40.19"}}}
    work.training["max_steps"] = 3
    assert Work.model_validate_json(work.model_dump_json()) == work


def test_two_cannot_be_at_one_cell(work: Work) -> None:
    lock = work.lock()
    with pytest.raises(CellTaken, match="another benchmark is at it"):
        work.run()
    other = work.model_copy(update={"cell": Cell("supervised", 25, 1)})
    other.lock().release()
    lock.release()
    work.lock().release()
    assert not work.folder.exists()


def test_what_another_has_finished_meanwhile_stays(work: Work) -> None:
    work.file.parent.mkdir(parents=True)
    work.file.write_text("{}", encoding="utf-8")
    work.run()
    assert work.file.read_text(encoding="utf-8") == "{}"
    assert not work.folder.exists()
