from __future__ import annotations

import io

import pytest
from rich.console import Console

from pointillist.progress import counted


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> io.StringIO:
    """What a terminal is shown."""
    shown = io.StringIO()
    console = Console(file=shown, force_terminal=True, width=100)
    monkeypatch.setattr("rich.progress.get_console", lambda: console)
    return shown


def test_counts_are_shown(terminal: io.StringIO) -> None:
    with counted("decoding", 7, quiet=False) as progress:
        assert progress is not None
        progress(5, 7)
    assert "decoding" in terminal.getvalue()
    assert "5/7" in terminal.getvalue()


@pytest.mark.parametrize(("total", "quiet"), [(7, True), (0, False)])
def test_quiet_or_nothing_to_count(terminal: io.StringIO, total: int, quiet: bool) -> None:
    with counted("decoding", total, quiet) as progress:
        assert progress is None
    assert terminal.getvalue() == ""


def test_an_error_goes_through_and_the_terminal_is_left_in_order(terminal: io.StringIO) -> None:
    with pytest.raises(KeyboardInterrupt), counted("decoding", 7, quiet=False):
        raise KeyboardInterrupt
    assert "\x1b[?25h" in terminal.getvalue()  # the cursor is back
