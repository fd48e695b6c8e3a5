"""Projects: saving, folding, starting again."""

from __future__ import annotations

import json
import threading
from dataclasses import replace
from pathlib import Path

import pytest

from pointillist.errors import DataError
from pointillist.formats import open_dataset, save_dataset
from pointillist.web import project as project_module
from pointillist.web.project import ANNOTATIONS, JOURNAL, ConflictError, Project
from pointillist.web.records import InstanceRecord
from pointillist.web.start import gather, make_skeleton

SKELETON = make_skeleton(["nose", "left_ear", "right_ear"])


@pytest.fixture
def folder(photos: Path, tmp_path: Path) -> Path:
    Project.create(tmp_path / "p", replace(gather(photos), skeleton=SKELETON)).close()
    return tmp_path / "p"


def record(x: float, **more: object) -> InstanceRecord:
    return InstanceRecord.model_validate({"points": [[x, 20.5, 2], "absent", None], **more})


def put(project: Project, number: int, x: float, **more: object) -> dict:
    base = project.state(number)["revision"]
    return project.save(number, base, [record(x, **more)], "tab")


def crash(project: Project) -> None:
    """The process is gone: no folding, no tidying up."""
    project._closed = True
    project._unfolded = False
    project._wake.set()
    project._thread.join()
    project._journal.close()


def test_what_lacks_in_a_project_is_undecided(photos: Path, tmp_path: Path) -> None:
    found = replace(gather(photos), skeleton=SKELETON, missing_absent=True)
    Project.create(tmp_path / "p", found).close()
    annotations = tmp_path / "p" / ANNOTATIONS
    assert not open_dataset(annotations).missing_absent
    # So it is in annotations that were there before.
    save_dataset(replace(open_dataset(annotations), missing_absent=True), annotations)
    project = Project(tmp_path / "p")
    put(project, 1, 10.0)
    project.close()
    assert not open_dataset(annotations).missing_absent


def test_a_save_is_in_the_journal_before_it_returns(folder: Path) -> None:
    project = Project(folder)
    state = put(project, 2, 10.25)
    line = json.loads((folder / JOURNAL).read_text())
    assert line["revision"] == state["revision"]
    assert line["image"].endswith("photo2.png")
    assert line["instances"][0]["points"] == [[10.25, 20.5, 2], "absent", None]
    crash(project)


def test_after_a_crash_everything_is_there_and_the_revision_holds(folder: Path) -> None:
    project = Project(folder)
    states = {n: put(project, n, 10.0 + n) for n in (1, 2, 3)}
    crash(project)
    again = Project(folder)
    assert {n: again.state(n) for n in states} == states
    assert (folder / JOURNAL).read_bytes() == b""
    points = open_dataset(folder / ANNOTATIONS)[1].instances[0]
    assert points.points[0].tolist() == [12.0, 20.5]
    assert points.absent.tolist() == [False, True, False]
    # A tab that was open all the time can go on.
    again.save(2, states[2]["revision"], [record(33.0)], "tab")
    again.close()


def test_closing_folds(folder: Path) -> None:
    project = Project(folder)
    put(project, 1, 5.0)
    project.close()
    assert (folder / JOURNAL).read_bytes() == b""
    assert open_dataset(folder / ANNOTATIONS)[0].instances[0].points[0, 0] == 5.0


def test_quiet_folds(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(project_module, "QUIET", 0.01)
    project = Project(folder)
    folded = threading.Event()
    real = project._journal.clear

    def clear() -> None:
        real()
        folded.set()

    monkeypatch.setattr(project._journal, "clear", clear)
    put(project, 1, 5.0)
    assert folded.wait(20)
    assert open_dataset(folder / ANNOTATIONS)[0].labeled
    project.close()


def test_a_crash_between_replacing_the_file_and_clearing_the_journal_applies_nothing_twice(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    project = Project(folder)
    put(project, 1, 5.0)
    monkeypatch.setattr(project._journal, "clear", lambda: None)
    project.fold()
    crash(project)
    assert (folder / JOURNAL).stat().st_size > 0
    # Somebody corrects the folded file by hand: the journal must not undo that.
    again = Project(folder)
    assert again.state(1)["instances"][0]["points"][0] == [5.0, 20.5, 2]
    assert not again._unfolded
    again.close()


def test_a_crash_between_the_mark_and_replacing_the_file_loses_nothing(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    project = Project(folder)
    put(project, 1, 5.0)
    project._journal.mark_fold("of a file that never took its place")
    put(project, 2, 6.0)
    crash(project)
    again = Project(folder)
    assert [again.state(n)["instances"][0]["points"][0][0] for n in (1, 2)] == [5.0, 6.0]
    again.close()


def test_a_save_during_a_fold_stays_in_the_journal(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    project = Project(folder)
    put(project, 1, 5.0)
    real = project_module.save_dataset

    def slow(*arguments: object) -> list[str]:
        put(project, 2, 6.0)
        return real(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(project_module, "save_dataset", slow)
    project.fold()
    monkeypatch.undo()
    assert not open_dataset(folder / ANNOTATIONS)[1].labeled
    crash(project)
    again = Project(folder)
    assert [again.state(n)["instances"][0]["points"][0][0] for n in (1, 2)] == [5.0, 6.0]
    again.close()


def test_a_torn_journal_is_reported_and_kept_aside(folder: Path) -> None:
    project = Project(folder)
    put(project, 1, 5.0)
    put(project, 2, 6.0)
    crash(project)
    torn = (folder / JOURNAL).read_bytes()[:-7]
    (folder / JOURNAL).write_bytes(torn)
    again = Project(folder)
    assert again.image(1).labeled
    assert not again.image(2).labeled
    assert "cut short" in again.problems[0]
    assert (folder / f"{JOURNAL}.damaged-1").read_bytes() == torn
    again.close()


def test_a_change_of_an_image_that_is_gone_is_reported_and_kept_aside(folder: Path) -> None:
    project = Project(folder)
    put(project, 5, 5.0)
    crash(project)
    content = json.loads((folder / ANNOTATIONS).read_text())
    content["images"].pop()
    (folder / ANNOTATIONS).write_text(json.dumps(content))
    again = Project(folder)
    assert "photo5.png" in again.problems[0]
    assert "photo5.png" in (folder / f"{JOURNAL}.damaged-1").read_text()
    again.close()


def test_a_stale_save_is_a_conflict_and_changes_nothing(folder: Path) -> None:
    project = Project(folder)
    base = project.state(1)["revision"]
    first = project.save(1, base, [record(5.0)], "one")
    with pytest.raises(ConflictError) as caught:
        project.save(1, base, [record(6.0)], "two")
    assert caught.value.current == first
    assert project.state(1) == first
    project.save(1, first["revision"], [record(6.0)], "two")
    project.close()


def test_of_two_saves_at_once_exactly_one_wins(folder: Path) -> None:
    project = Project(folder)
    base = project.state(1)["revision"]
    start, outcomes = threading.Barrier(8), []

    def save(x: float) -> None:
        start.wait()
        try:
            outcomes.append(project.save(1, base, [record(x)], str(x)))
        except ConflictError:
            outcomes.append(None)

    threads = [threading.Thread(target=save, args=(float(x),)) for x in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    won = [outcome for outcome in outcomes if outcome]
    assert len(won) == 1
    assert project.state(1) == won[0]
    project.close()


def test_copied_instances_get_their_own_identifiers(folder: Path) -> None:
    project = Project(folder)
    first = put(project, 1, 5.0)["instances"][0]["id"]
    copy = put(project, 2, 5.0, id=first)["instances"][0]["id"]
    assert copy != first
    # And an instance that was deleted and brought back by undo keeps its own.
    state = project.state(1)
    empty = project.save(1, state["revision"], [], "tab")
    back = project.save(1, empty["revision"], [record(5.0, id=first)], "tab")
    assert back["instances"][0]["id"] == first
    project.close()
    ids = [i.id for image in open_dataset(folder / ANNOTATIONS) for i in image.instances]
    assert sorted(ids) == sorted({first, copy})


def test_points_must_fit_the_skeleton(folder: Path) -> None:
    project = Project(folder)
    wrong = InstanceRecord.model_validate({"points": [[1, 2, 2]]})
    with pytest.raises(DataError, match="1 points where the skeleton has 3"):
        project.save(1, project.state(1)["revision"], [wrong], "tab")
    with pytest.raises(KeyError):
        project.save(99, "x", [], "tab")
    project.close()


def test_new_photographs_join_and_old_ones_do_not_twice(folder: Path, photos: Path) -> None:
    project = Project(folder)
    put(project, 1, 5.0)
    (photos / "photo9.png").write_bytes((photos / "photo1.png").read_bytes())
    assert project.add_images(gather(photos)) == 1
    assert project.add_images(gather(photos)) == 0
    assert project.image(6).path.endswith("photo9.png")
    put(project, 6, 7.0)
    crash(project)
    again = Project(folder)
    assert again.problems == []
    assert all(again.image(n).labeled for n in (1, 6))
    again.close()


def test_a_moved_project_finds_its_images(photos: Path, tmp_path: Path) -> None:
    home = tmp_path / "home" / "work"
    home.mkdir(parents=True)
    photos.rename(home / "photos")
    dataset = replace(gather(home / "photos"), skeleton=SKELETON)
    Project.create(home / "p", dataset).close()
    (tmp_path / "home").rename(tmp_path / "elsewhere")
    moved = Project(tmp_path / "elsewhere" / "work" / "p")
    assert moved.dataset.file(moved.image(1)).is_file()
    moved.close()
