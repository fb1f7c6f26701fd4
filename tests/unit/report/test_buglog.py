"""The log of bugs: what stands in it, and a disk that takes none."""

from __future__ import annotations

import os
import stat

from vpo_tasks.report.buglog import bug_text, write_bug


def caught(error: Exception) -> Exception:
    try:
        raise error
    except type(error) as again:
        return again


def test_each_bug_is_appended_with_its_traceback_and_what_was_being_done(tmp_path):
    log = tmp_path / "state" / "vpo.log"
    assert write_bug(caught(KeyError("one")), str(log), "/m/a.mkv") == str(log)
    assert write_bug(caught(ValueError("two")), str(log), "vpo process") == str(log)
    text = log.read_text()
    assert text.index("KeyError: 'one'") < text.index("ValueError: two")
    assert ": /m/a.mkv\nTraceback (most recent call last):" in text
    assert "in caught" in text


def test_nobody_else_may_read_the_log(tmp_path):
    log = tmp_path / "state" / "vpo.log"
    write_bug(ValueError(), str(log), "x")
    assert stat.S_IMODE(log.stat().st_mode) & 0o077 == 0
    assert stat.S_IMODE(log.parent.stat().st_mode) & 0o077 == 0


def test_a_name_that_is_no_utf8_is_written_all_the_same(tmp_path):
    log = tmp_path / "vpo.log"
    assert write_bug(ValueError("\udcff"), str(log), os.fsdecode(b"\xff.mkv"))
    assert "\\udcff.mkv" in log.read_text(encoding="utf-8")


def test_a_log_that_cannot_be_written_is_said_and_no_second_bug(tmp_path):
    (tmp_path / "file").write_bytes(b"")
    assert write_bug(ValueError(), str(tmp_path / "file" / "vpo.log"), "x") == ""


def test_a_bug_without_words_is_its_name():
    assert bug_text(ValueError("two")) == "ValueError: two"
    assert bug_text(AssertionError()) == "AssertionError"
