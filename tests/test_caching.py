from __future__ import annotations

import os
from pathlib import Path

import pytest

from pointillist.caching import cache_folder, file_key


def test_the_folder_can_be_chosen(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("POINTILLIST_CACHE", str(tmp_path))
    assert cache_folder() == tmp_path
    monkeypatch.delenv("POINTILLIST_CACHE")
    assert cache_folder().name == "pointillist"


def test_a_key_changes_with_the_file_and_the_options(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_text("one")
    key = file_key(path, 3)
    assert key == file_key(path, 3) != file_key(path, 4)
    os.utime(path, ns=(1, 1))
    assert file_key(path, 3) != key
