from __future__ import annotations

import stat

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from singer_delivery.io.files import append_private, create_private, write_private

from tests.examples import examples
from tests.singer_delivery.disks import full_disk


def mode(path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_a_new_file_and_its_folder_are_made(tmp_path):
    path = tmp_path / "a" / "b" / "file"
    create_private(path)
    assert mode(path) == 0o600
    assert path.read_bytes() == b""


def test_a_file_that_exists_keeps_its_content(tmp_path):
    path = tmp_path / "file"
    path.write_text("kept")
    create_private(path)
    assert path.read_text() == "kept"


def test_written_text_replaces_the_old_for_the_owner_alone(tmp_path):
    path = tmp_path / "file"
    path.write_text("old and longer")
    path.chmod(0o644)
    write_private(path, "nëw")
    assert path.read_text(encoding="utf-8") == "nëw"
    assert mode(path) == 0o600
    assert list(tmp_path.iterdir()) == [path]


def test_when_the_disk_is_full_the_old_text_stays_and_no_part_of_the_new(tmp_path):
    path = tmp_path / "file"
    path.write_text("old")
    with full_disk(100), pytest.raises(OSError, match="File too large"):
        write_private(path, "new" * 1_000)
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


# 65,536 is the size of the steps in which the end of the last line is looked for.
@settings(max_examples=examples(40), deadline=None)
@given(
    st.lists(st.sampled_from([b"", b"line", b"x" * 65_535, b"x" * 70_000]), max_size=4),
    st.sampled_from([b"", b"torn", b"t" * 65_536, b"t" * 140_000]),
)
def test_appending_removes_a_torn_last_line_and_nothing_else(tmp_path_factory, whole, torn):
    path = tmp_path_factory.mktemp("files") / "lines"
    kept = b"".join(line + b"\n" for line in whole)
    path.write_bytes(kept + torn)
    with append_private(path) as file:
        file.write(b"new\n")
    assert path.read_bytes() == kept + b"new\n"
