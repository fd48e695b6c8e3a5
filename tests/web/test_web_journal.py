"""The journal: nothing that was acknowledged is lost, nothing is applied twice."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from pointillist.errors import DataError
from pointillist.web.journal import Entry, Journal, read_journal


def entry(name: str, x: float = 1.0) -> Entry:
    return Entry(name, None, "r", [{"points": [[x, 2.0, 2]]}], "tab", "2026-01-01T00:00:00+00:00")


def test_entries_come_back_in_order(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "j")
    written = [entry("a"), entry("b", 2.5), Entry("v.mp4", 7, "r", [], "tab", "t")]
    for one in written:
        journal.append(one)
    journal.close()
    assert read_journal(tmp_path / "j", None) == (written, [])


def test_no_journal_is_an_empty_one(tmp_path: Path) -> None:
    assert read_journal(tmp_path / "none", "digest") == ([], [])


def test_appending_goes_on_after_reopening(tmp_path: Path) -> None:
    for name in "ab":
        journal = Journal(tmp_path / "j")
        journal.append(entry(name))
        journal.close()
    assert [e.image for e in read_journal(tmp_path / "j", None)[0]] == ["a", "b"]


@pytest.mark.parametrize("cut", [1, 5, 40])
def test_a_torn_last_line_is_reported_and_the_rest_is_kept(tmp_path: Path, cut: int) -> None:
    journal = Journal(tmp_path / "j")
    journal.append(entry("a"))
    journal.append(entry("b"))
    journal.close()
    whole = (tmp_path / "j").read_bytes()
    (tmp_path / "j").write_bytes(whole[:-cut])
    entries, problems = read_journal(tmp_path / "j", None)
    assert [e.image for e in entries] == ["a"]
    assert len(problems) == 1
    assert "row 2" in problems[0]
    assert "cut short" in problems[0]


def test_a_damaged_line_in_the_middle_costs_only_itself(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "j")
    for name in "abc":
        journal.append(entry(name))
    journal.close()
    lines = (tmp_path / "j").read_bytes().splitlines(keepends=True)
    lines[1] = b"\x00" * 20 + b"\n"
    (tmp_path / "j").write_bytes(b"".join(lines))
    entries, problems = read_journal(tmp_path / "j", None)
    assert [e.image for e in entries] == ["a", "c"]
    assert "row 2" in problems[0]


def test_what_a_fold_holds_is_not_applied_again(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "j")
    journal.append(entry("a"))
    journal.mark_fold("first")
    journal.append(entry("b"))
    journal.mark_fold("second")
    journal.append(entry("c"))
    journal.close()
    names = {
        digest: [e.image for e in read_journal(tmp_path / "j", digest)[0]]
        for digest in ("first", "second", "other", None)
    }
    # The mark is written before the file is replaced: only the file that is there counts.
    assert names == {
        "first": ["b", "c"],
        "second": ["c"],
        "other": ["a", "b", "c"],
        None: ["a", "b", "c"],
    }


def test_a_write_that_fails_leaves_the_journal_as_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    journal = Journal(tmp_path / "j")
    journal.append(entry("a"))
    before = (tmp_path / "j").read_bytes()
    real = os.write

    def half(descriptor: int, data: bytes) -> int:
        real(descriptor, data[: len(data) // 2])
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "write", half)
    with pytest.raises(DataError, match="No space left"):
        journal.append(entry("b"))
    monkeypatch.undo()
    assert (tmp_path / "j").read_bytes() == before
    journal.append(entry("c"))
    journal.close()
    assert [e.image for e in read_journal(tmp_path / "j", None)[0]] == ["a", "c"]


def test_clear_empties_it(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "j")
    journal.append(entry("a"))
    journal.clear()
    assert (tmp_path / "j").read_bytes() == b""
    journal.append(entry("b"))
    journal.close()
    assert json.loads((tmp_path / "j").read_text())["image"] == "b"
