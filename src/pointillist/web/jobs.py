"""Training from the page: one round at a time, each a process of its own.

A round is ``pointillist train`` on the project's annotations, then ``pointillist predict`` on all
its images. Both run as child processes: the page stays quick, a crash there is no crash here, and
stopping is what Ctrl-C in a terminal is.
"""

from __future__ import annotations

import contextlib
import csv
import os
import signal
import subprocess
import sys
import threading
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from pointillist.errors import DataError, PointillistError
from pointillist.files import read_json, write_json
from pointillist.lock import holding_process
from pointillist.web.predictions import PREDICTIONS
from pointillist.web.project import Project
from pointillist.web.start import RUNS

ROUNDS = "rounds.json"

#: Options of the project's trainings, as ``pointillist train --config`` takes them; optional.
OPTIONS = "training.yaml"

#: Whose predictions the project shows: of a round, or of a run that was trained elsewhere.
PREDICTED_BY = "predicted_by.json"

#: How a process of pointillist is started.
POINTILLIST = (sys.executable, "-m", "pointillist")

#: Exit code of a training that was stopped on request and can be resumed.
STOPPED = 130

#: Lines of a failed process's output that are shown.
LAST_LINES = 12


class Rounds:
    """The project's rounds of training.

    Args:
        project: what is trained on.
    """

    def __init__(self, project: Project) -> None:
        self._project = project
        self._file = project.folder / ROUNDS
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._thread: threading.Thread | None = None
        self._asked_to_stop = self._closing = False
        self._work = ""
        self.rounds: list[dict[str, Any]] = read_json(self._file) if self._file.exists() else []
        for entry in self.rounds:
            if entry["state"] in ("training", "predicting"):
                entry["state"] = "stopped"
                self._end_orphan(entry["name"])

    @property
    def busy(self) -> bool:
        """Whether a training or a prediction is running."""
        return self._thread is not None and self._thread.is_alive()

    @property
    def predicted_by(self) -> Path | None:
        """The run that made the predictions which the project shows; none if nobody knows."""
        file = self._folder(PREDICTED_BY)
        return Path(read_json(file)["run"]) if file.exists() else None

    def status(self) -> dict[str, Any]:
        """All rounds, and the work in hand: ``train``, ``predict`` or none."""
        return {
            "busy": self.busy,
            "work": self._work if self.busy else "",
            "rounds": self.rounds,
            "resumable": not self.busy and self._resumable,
        }

    @property
    def _resumable(self) -> bool:
        """Whether the latest round can be continued: it ended early, and had begun."""
        if not self.rounds or self.rounds[-1]["state"] not in ("stopped", "failed"):
            return False
        return (self._folder(self.rounds[-1]["name"]) / "config.yaml").exists()

    def _end_orphan(self, name: str) -> None:
        """A server that was killed leaves its training running, which nobody would watch, and
        which could not be continued: asked to stop, it saves what it has."""
        process = holding_process(self._folder(name) / "training.lock")
        if process is not None and sys.platform != "win32":
            with contextlib.suppress(OSError):
                os.kill(process, signal.SIGINT)

    def start(self, minutes: float | None = None) -> None:
        """Starts a new round on what is labelled.

        Args:
            minutes: longest training; none: as long as the defaults say.

        Raises:
            DataError: nothing is labelled, or a round is running.
        """
        labeled = self._project.dataset.labeled
        if not labeled:
            raise DataError("nothing is labelled yet", do="Label a few images first.")
        name = f"round-{self._free_number():03d}"
        entry = {
            "name": name,
            "started": _now(),
            "images": len(labeled),
            "instances": sum(i.labeled for image in labeled for i in image.instances),
            "state": "training",
        }
        arguments = ["train", str(self._project.annotations), "-o", str(self._folder(name))]
        arguments.append("--quiet")
        options = self._project.folder / OPTIONS
        if options.exists():
            arguments += ["--config", str(options)]
        if minutes is not None:
            arguments += ["--max-minutes", f"{minutes:g}"]
        with self._lock:
            self._refuse_if_busy()
            self._project.fold()
            self.rounds.append(entry)
            self._begin(entry, [arguments, self._predict(self._folder(name))])

    def resume(self) -> None:
        """Continues the latest round, if that was stopped.

        Raises:
            DataError: there is none to continue, or a round is running.
        """
        with self._lock:
            self._refuse_if_busy()
            if not self._resumable:
                raise DataError("there is no stopped training to continue")
            entry = self.rounds[-1]
            folder = self._folder(entry["name"])
            entry.pop("reason", None)
            self._begin(
                entry, [["train", "--resume", "-o", str(folder), "--quiet"], self._predict(folder)]
            )

    def predict(self, run: Path) -> None:
        """Predicts all images with a run that was trained elsewhere."""
        with self._lock:
            self._refuse_if_busy()
            entry = {"name": str(run), "started": _now(), "images": None, "state": "predicting"}
            self._begin(entry, [self._predict(run)])

    def stop(self) -> None:
        """Asks the running process to stop, as Ctrl-C does; it saves what it has."""
        self._asked_to_stop = True
        process = self._process
        if process is not None and process.poll() is None:
            if sys.platform == "win32":
                process.send_signal(signal.CTRL_BREAK_EVENT)
            else:
                process.send_signal(signal.SIGINT)

    def close(self, patience: float = 60.0) -> None:
        """Stops what is running and waits for it.

        Args:
            patience: seconds after which the process is ended whatever it does.
        """
        if self._thread is None:
            return
        self._closing = True
        self.stop()
        self._thread.join(patience)
        if self._thread.is_alive() and self._process is not None:
            self._process.kill()
            self._thread.join()

    def curves(self, name: str) -> list[dict[str, float]]:
        """Losses and validation scores of a round as they are in its ``metrics.csv`` now.

        Returns:
            one dictionary per row, of the columns that have a number there.
        """
        if name not in {entry["name"] for entry in self.rounds}:
            raise KeyError(name)
        return read_curves(self._folder(name) / "metrics.csv")

    def _folder(self, name: str) -> Path:
        return self._project.folder / RUNS / name

    def _free_number(self) -> int:
        number = len(self.rounds) + 1
        while self._folder(f"round-{number:03d}").exists():
            number += 1
        return number

    def _predict(self, run: Path) -> list[str]:
        out = self._project.folder / PREDICTIONS
        return ["predict", str(run), str(self._project.annotations), "-o", str(out), "--quiet"]

    def _refuse_if_busy(self) -> None:
        if self.busy:
            raise DataError("a training is running already", do="Stop it first.")

    def _begin(self, entry: dict[str, Any], steps: list[list[str]]) -> None:
        self._asked_to_stop = False
        self._work = steps[0][0]
        self._thread = threading.Thread(target=self._work_off, args=(entry, steps), daemon=True)
        self._thread.start()

    def _work_off(self, entry: dict[str, Any], steps: list[list[str]]) -> None:
        end = "finished"
        try:
            for arguments in steps:
                self._work = arguments[0]
                entry["state"] = "training" if arguments[0] == "train" else "predicting"
                self._save()
                code, output = self._run(arguments)
                if code != 0 or self._asked_to_stop:
                    stopped = self._asked_to_stop or code == STOPPED
                    entry["state"] = end = "stopped" if stopped else "failed"
                    if not stopped:
                        entry["reason"] = output or f"the process ended with code {code}"
                    if not self._predicts_anyway(entry, arguments):
                        return
                    self._asked_to_stop = False
                if arguments[0] == "predict":
                    write_json(
                        self._folder(PREDICTED_BY), {"run": str(Path(arguments[1]).resolve())}
                    )
            entry["state"] = end
        except (OSError, PointillistError) as error:
            entry["state"], entry["reason"] = "failed", str(error)
        finally:
            if entry["state"] == "failed" and entry not in self.rounds:
                problem = f"predicting with {entry['name']} failed: {entry['reason']}"
                self._project.problems.append(problem)
            entry["ended"] = _now()
            with contextlib.suppress(OSError):
                self._save()

    def _predicts_anyway(self, entry: dict[str, Any], arguments: list[str]) -> bool:
        """Whether what a stopped training has learnt is worth a look: it is, where it left a
        network and nobody is leaving."""
        network = self._folder(entry["name"]) / "model.safetensors"
        stopped = arguments[0] == "train" and entry["state"] == "stopped"
        return stopped and not self._closing and network.exists()

    def _run(self, arguments: list[str]) -> tuple[int, str]:
        log = self._project.folder / RUNS / f"{arguments[0]}.log"
        log.parent.mkdir(parents=True, exist_ok=True)
        if sys.platform == "win32":
            flags = subprocess.CREATE_NEW_PROCESS_GROUP
        else:
            flags = 0
        with log.open("wb") as output:
            self._process = subprocess.Popen(
                [*POINTILLIST, *arguments],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env={**os.environ, "PYTHONUNBUFFERED": "1", "NO_COLOR": "1", "TERM": "dumb"},
                creationflags=flags,
                # Ctrl-C in the server's terminal is for the server: it then stops the training.
                start_new_session=sys.platform != "win32",
            )
            if self._asked_to_stop:
                self.stop()
            code = self._process.wait()
        lines = log.read_text(encoding="utf-8", errors="replace").strip().splitlines()
        return code, "\n".join(lines[-LAST_LINES:])

    def _save(self) -> None:
        write_json(self._file, self.rounds, indent=1)


def read_curves(file: Path) -> list[dict[str, float]]:
    """The numbers of a ``metrics.csv`` that may be growing: a half-written last row is left out."""
    try:
        text = file.read_text(encoding="utf-8")
    except OSError:
        return []
    if not text.endswith("\n"):
        text = text[: text.rfind("\n") + 1]
    rows = []
    for row in csv.DictReader(text.splitlines()):
        numbers = {}
        for key, value in row.items():
            with contextlib.suppress(ValueError, TypeError):
                numbers[key] = float(value)
        rows.append({key: value for key, value in numbers.items() if value == value})
    return rows


def _now() -> str:
    return datetime.now(timezone.utc).isoformat(timespec="seconds")
