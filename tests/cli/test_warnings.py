"""What a person at the screen reads of a warning."""

from __future__ import annotations

import subprocess
import sys

PROGRAM = """
import warnings

import pointillist.cli
from pointillist.methods.collapse import CollapseWarning

def app():
    warnings.warn("a teacher has collapsed", CollapseWarning)
    warnings.warn("somebody else's", UserWarning)

pointillist.cli.app = app
pointillist.cli.main()
"""


def test_our_own_are_one_line_without_the_code_and_others_are_as_ever() -> None:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=True
    )
    first, *others = done.stderr.splitlines()
    assert first == "warning: a teacher has collapsed"
    assert "UserWarning: somebody else's" in others[0]
