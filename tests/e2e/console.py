"""The command line as a person uses it, in this process (so that torch is imported once)."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass

import pytest

from pointillist.cli import main

#: A network that trains in a second or two.
TINY = (
    *("--set", "input={width: 64, height: 64}", "--set", "model.width=16"),
    *("--set", "model.pretrained=false", "--set", "training.labeled_per_step=4"),
    *("--set", "training.unlabeled_per_step=2", "--set", "training.validate_every=2"),
)
STEPS = 4


@dataclass
class Outcome:
    """What a command left: exit code, standard output and standard error."""

    code: int
    out: str
    err: str

    @property
    def error(self) -> str:
        """The one line that a refused command says; nothing else may look like an error."""
        assert self.code in (1, 2), f"exit code {self.code}\n{self.out}\n{self.err}"
        assert "Traceback" not in self.out + self.err, self.err
        lines = [line for line in self.err.splitlines() if line.startswith("error: ")]
        assert len(lines) == 1, self.err
        return lines[0]


Console = Callable[..., Outcome]


def make_console(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Console:
    """A function that runs ``pointillist`` with the given words."""

    def run(*words: object) -> Outcome:
        monkeypatch.setattr(sys, "argv", ["pointillist", *map(str, words)])
        capsys.readouterr()
        with pytest.raises(SystemExit) as end:
            main()
        shown = capsys.readouterr()
        return Outcome(int(end.value.code or 0), shown.out, shown.err)

    return run
