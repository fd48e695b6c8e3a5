from __future__ import annotations

import sys

import pytest

from pointillist.errors import PointillistError
from pointillist.media import import_av, is_video


def test_endings() -> None:
    assert is_video("a/b.MP4")
    assert not is_video("a/b.png")


def test_without_pyav_one_line_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "av", None)
    with pytest.raises(PointillistError, match="Run: pip install av"):
        import_av()
