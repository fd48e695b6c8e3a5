"""Trainings as child processes: real ones, and ones that fail in every way."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from pointillist.errors import DataError
from pointillist.synthetic import make_dataset
from pointillist.web import jobs
from pointillist.web.jobs import Rounds, read_curves
from pointillist.web.records import InstanceRecord
from pointillist.web.session import COLUMNS, Session

SMALL = """
model: {width: 16, pretrained: false}
input: {width: 32, height: 32}
training: {max_steps: 150, labeled_per_step: 2, unlabeled_per_step: 0, validate_every: 10,
           accelerator: cpu, precision: '32', workers: 0}
"""


def until(true: Callable[[], object], seconds: float = 300) -> None:
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, "it took too long"
        time.sleep(0.02)


def label_one(session: Session) -> None:
    base = session.project.state(1)["revision"]
    record = InstanceRecord.model_validate({"points": [[10, 20, 2], None, None]})
    session.project.save(1, base, [record], "t")


def test_a_real_training_is_stopped_continued_and_predicts(tmp_path: Path) -> None:
    make_dataset(tmp_path / "creatures", 24, size=(48, 48))
    session = Session(tmp_path / "p", tmp_path / "creatures")
    (session.folder / "training.yaml").write_text(SMALL, encoding="utf-8")
    rounds = session.rounds
    rounds.start()
    assert rounds.busy
    with pytest.raises(DataError, match="running already"):
        rounds.start()
    until(lambda: rounds.curves("round-001") or not rounds.busy)
    rounds.stop()
    until(lambda: not rounds.busy)
    assert rounds.rounds[0]["state"] == "stopped", rounds.rounds[0].get("reason")
    before = max(row["step"] for row in rounds.curves("round-001"))
    assert before < 149
    # What it had learnt is shown already.
    assert (session.folder / "predictions.json").exists()

    # A new server knows the stopped round, and continues it.
    session.close()
    session = Session(tmp_path / "p")
    rounds = session.rounds
    rounds.resume()
    until(lambda: not rounds.busy)
    assert rounds.rounds[0]["state"] == "finished", rounds.rounds[0].get("reason")
    curves = rounds.curves("round-001")
    assert max(row["step"] for row in curves) >= 149
    assert any("val/pck@0.1" in row for row in curves)
    assert any("loss" in row for row in curves)
    confidences = [row[COLUMNS.index("confidence")] for row in session.overview()["rows"]]
    assert all(0 <= confidence <= 1 for confidence in confidences)
    session.close()


@pytest.fixture
def child(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Lets another program take the place of pointillist."""

    def use(program: str) -> None:
        monkeypatch.setattr(jobs, "POINTILLIST", (sys.executable, "-c", program))

    return use


def test_a_failed_training_says_why(session: Session, child: Callable[[str], None]) -> None:
    child("import sys; print('x\\n' * 50, 'error: out of memory'); sys.exit(1)")
    label_one(session)
    session.rounds.start()
    until(lambda: not session.rounds.busy)
    entry = session.rounds.rounds[0]
    assert entry["state"] == "failed"
    assert entry["reason"].endswith("error: out of memory")
    assert len(entry["reason"].splitlines()) == jobs.LAST_LINES
    # It had not begun, so there is nothing to continue.
    assert not session.rounds.status()["resumable"]
    with pytest.raises(DataError, match="no stopped training"):
        session.rounds.resume()
    # One that had begun can be tried again, as a new round or as this one.
    folder = session.folder / "runs" / "round-001"
    folder.mkdir()
    (folder / "config.yaml").write_text("", encoding="utf-8")
    assert session.rounds.status()["resumable"]
    child("")
    session.rounds.resume()
    until(lambda: not session.rounds.busy)
    assert session.rounds.rounds[0]["state"] == "finished"
    assert "reason" not in session.rounds.rounds[0]


def test_what_is_labelled_is_counted_and_folded(
    session: Session, child: Callable[[str], None]
) -> None:
    child(
        "import json, sys; sys.argv[1] == 'predict' and sys.exit(0);"
        "sys.exit(len(json.load(open(sys.argv[2]))['annotations']) != 1)"
    )
    label_one(session)
    session.rounds.start(minutes=1.5)
    until(lambda: not session.rounds.busy)
    entry = session.rounds.rounds[0]
    assert (entry["state"], entry["images"], entry["instances"]) == ("finished", 1, 1)


def test_arguments(session: Session, child: Callable[[str], None]) -> None:
    child("import sys; sys.exit(' '.join(sys.argv[1:]))")
    label_one(session)
    session.rounds.start(minutes=1.5)
    until(lambda: not session.rounds.busy)
    said = session.rounds.rounds[0]["reason"]
    assert said.startswith("train ")
    assert "round-001" in said
    assert "--max-minutes 1.5" in said


def test_predicting_with_a_run_from_elsewhere(
    session: Session, child: Callable[[str], None], tmp_path: Path
) -> None:
    child("import sys; open(sys.argv[5], 'w').write('[]') if sys.argv[1] == 'predict' else 1 / 0")
    session.rounds.predict(tmp_path / "run")
    until(lambda: not session.rounds.busy)
    assert (session.folder / "predictions.json").exists()
    assert session.rounds.rounds == []
    child("import sys; sys.exit('error: this is not a run')")
    session.rounds.predict(tmp_path / "run")
    until(lambda: not session.rounds.busy)
    assert "this is not a run" in session.changes(0)["problems"][0]


def test_nothing_labelled_is_nothing_to_train_on(session: Session) -> None:
    with pytest.raises(DataError, match="nothing is labelled"):
        session.rounds.start()
    with pytest.raises(DataError, match="no stopped training"):
        session.rounds.resume()


def test_closing_stops_the_training(session: Session, child: Callable[[str], None]) -> None:
    child("import time; print('started', flush=True); time.sleep(600)")
    label_one(session)
    session.rounds.start()
    log = session.folder / "runs" / "train.log"
    until(lambda: log.exists() and log.read_bytes())
    session.rounds.close()
    assert not session.rounds.busy
    assert session.rounds.rounds[0]["state"] == "stopped"


def test_a_round_that_a_crash_cut_short_counts_as_stopped(
    session: Session, child: Callable[[str], None]
) -> None:
    child("")
    label_one(session)
    session.rounds.start()
    until(lambda: not session.rounds.busy)
    session.rounds.rounds[0]["state"] = "training"
    session.rounds._save()
    again = Rounds(session.project)
    assert again.rounds[0]["state"] == "stopped"


HOLD = """
import sys, time
from pathlib import Path
from pointillist.lock import FolderLock
lock = FolderLock(Path(sys.argv[1]), busy="", do="")
print("held", flush=True)
time.sleep(600)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="a signal to another process ends it there")
def test_a_training_whose_server_was_killed_is_asked_to_stop(session: Session) -> None:
    folder = session.folder / "runs" / "round-001"
    folder.mkdir(parents=True)
    session.rounds.rounds.append({"name": "round-001", "state": "training"})
    session.rounds._save()
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, str(folder / "training.lock")],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    ) as process:
        assert process.stdout is not None
        process.stdout.readline()
        assert Rounds(session.project).rounds[0]["state"] == "stopped"
        assert process.wait(30) == -signal.SIGINT


def test_curves_of_a_file_that_grows(tmp_path: Path) -> None:
    file = tmp_path / "metrics.csv"
    assert read_curves(file) == []
    file.write_text("epoch,loss,step,val\n0,0.5,19,\n0,,19,0.25\n0,0.4,3")
    assert read_curves(file) == [
        {"epoch": 0.0, "loss": 0.5, "step": 19.0},
        {"epoch": 0.0, "step": 19.0, "val": 0.25},
    ]
