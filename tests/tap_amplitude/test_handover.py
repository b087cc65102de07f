"""How files are put, how many wait, and how long."""

from __future__ import annotations

import os
import stat
from itertools import pairwise

import pytest
from singer_delivery.tap import handover as handover_module
from singer_delivery.tap.errors import SpoolUnwritable
from singer_delivery.tap.handover import Handover, file_name, handing_over
from tap_amplitude.archive import Archive

from tests.tap_runs import StoppedClock

# Restated here, on purpose.
MOST_FILES, MOST_BYTES = 64, 1024**3


class WatchedClock(StoppedClock):
    """Calls `watch` with the seconds that have passed, at every wait."""

    def __init__(self, watch):
        super().__init__()
        self._watch = watch
        self._start = self.time

    def sleep(self, seconds):
        super().sleep(seconds)
        self._watch(self.time - self._start)


def never(_seconds):
    pytest.fail("It waits, though there is nothing to wait for.")


def put_of(handover, archive, file):
    """Hand over a file of an archive."""
    return handover.put(file.name, archive.local_path(file), archive.chunks(file))


@pytest.fixture
def archive(tmp_path):
    folder = tmp_path / "export"
    folder.mkdir()
    for part in range(1, MOST_FILES + 5):
        (folder / f"1_2024-01-01_0#{part}.json").write_bytes(b"{}" * part)
    return Archive(str(folder))


@pytest.fixture
def put(tmp_path, archive):
    """Puts files of the archive, the next at each call, until it is told to wait."""
    folder = tmp_path / "folder"
    folder.mkdir()
    files = iter(archive.files())

    def make(watch=never, reader_is_gone=lambda: False):
        handover = Handover(folder, "", WatchedClock(watch), reader_is_gone)
        return handover, lambda: put_of(handover, archive, next(files))

    return make


def test_so_many_files_may_wait_and_no_more(put):
    handover, put_next = put()
    for _ in range(MOST_FILES):
        assert handover.has_room(1)
        put_next()
    assert not handover.has_room(1)


def test_a_file_that_is_taken_makes_room_for_the_next(put):
    paths = []

    def take_two_seconds_later(seconds):
        if seconds >= 2:
            paths[3].unlink(missing_ok=True)

    handover, put_next = put(take_two_seconds_later)
    paths += [put_next() for _ in range(MOST_FILES)]

    handover.wait_for_room(1, lambda: None)

    assert not paths[3].exists()
    assert put_next().exists()
    assert not handover.has_room(1)


@pytest.mark.parametrize(("seconds", "calls"), [(0.1, 0), (0.5, 1), (70, 1)])
def test_after_a_while_the_target_is_given_what_it_may_wait_for(put, seconds, calls):
    paths, called = [], []

    def take(passed):
        if passed >= seconds:
            paths[3].unlink(missing_ok=True)

    handover, put_next = put(take)
    paths += [put_next() for _ in range(MOST_FILES)]

    handover.wait_for_room(1, lambda: called.append(True))

    assert len(called) == calls


def test_so_many_bytes_may_wait_and_no_more(put):
    handover, put_next = put()
    path = put_next()
    os.truncate(path, 0)
    size = put_next().stat().st_size + 2
    assert handover.has_room(MOST_BYTES - size)
    assert not handover.has_room(MOST_BYTES - size + 1)


def test_one_file_may_always_be_put_however_large(put):
    handover, _ = put()
    assert handover.has_room(5 * MOST_BYTES)


def test_at_the_end_it_waits_for_all(put):
    paths = []

    def take_one(_seconds):
        paths.pop().unlink()

    handover, put_next = put(take_one)
    paths += [put_next() for _ in range(3)]

    handover.wait_until_taken()

    assert paths == []


def test_a_long_wait_is_told_once_a_minute(put, caplog):
    paths = []

    def take_at_last(seconds):
        if seconds > 150:
            paths.pop().unlink()

    handover, put_next = put(take_at_last)
    paths.append(put_next())

    handover.wait_until_taken()

    assert len(caplog.messages) == 2
    assert "Waiting for the target to read and delete 1 files" in caplog.messages[0]


@pytest.mark.parametrize(("count", "seconds"), [(20, 60), (64, 60), (19, 600), (1, 600)])
def test_a_target_that_never_deletes_is_not_waited_for_for_ever(put, caplog, count, seconds):
    waited = []
    handover, put_next = put(waited.append)
    paths = [put_next() for _ in range(count)]

    handover.wait_until_taken()

    assert waited[-1] == pytest.approx(seconds, abs=1)
    assert all(path.exists() for path in paths)
    assert handover.is_given_up
    assert f"The target has deleted none of {count} files" in caplog.messages[-1]
    assert "Leave batch_config out" in caplog.messages[-1]


def test_files_are_given_up_for_good(put, caplog):
    waited = []
    handover, put_next = put(waited.append)
    for _ in range(MOST_FILES):
        put_next()

    assert not handover.wait_for_room(1, lambda: None)
    assert not handover.wait_for_room(1, lambda: pytest.fail("waits"))
    handover.wait_until_taken()

    assert waited[-1] == pytest.approx(60, abs=1)
    assert "RECORD messages follow" in caplog.messages[-1]


def test_a_target_that_has_deleted_one_file_is_waited_for(put):
    paths = []

    def take(seconds):
        if seconds > 3_000:
            for path in paths:
                path.unlink(missing_ok=True)
        elif seconds > 50:
            paths[0].unlink(missing_ok=True)

    handover, put_next = put(take)
    paths += [put_next() for _ in range(30)]

    handover.wait_until_taken()

    assert not handover.is_given_up
    assert not any(path.exists() for path in paths)


def test_the_longer_it_waits_the_seldomer_it_looks(put):
    naps, ends = [0.0], 100
    paths = []

    def take_at_last(seconds):
        naps.append(seconds)
        if seconds > ends:
            paths[0].unlink(missing_ok=True)

    handover, put_next = put(take_at_last)
    paths.append(put_next())

    handover.wait_until_taken()

    assert naps[1] <= 0.01, "a target that is quick is not kept waiting"
    assert max(after - before for before, after in pairwise(naps)) <= 1
    assert len(naps) < 5 * ends
    assert all(after <= 1.1 * before + 0.02 for before, after in pairwise(naps[:50]))


def test_it_waits_for_nobody_who_is_gone(put):
    handover, put_next = put(reader_is_gone=lambda: True)
    put_next()
    with pytest.raises(BrokenPipeError):
        handover.wait_until_taken()


def test_on_one_disk_a_file_gets_a_second_name_and_keeps_its_mode(put, archive):
    source = archive.local_path(archive.files()[0])
    source.chmod(0o640)
    _, put_next = put()

    path = put_next()

    assert path.samefile(source)
    assert stat.S_IMODE(source.stat().st_mode) == 0o640
    path.unlink()
    assert source.read_bytes() == b"{}"


def test_a_link_in_the_archive_is_followed(tmp_path, archive, put):
    source = archive.local_path(archive.files()[0])
    elsewhere = source.rename(tmp_path / "elsewhere")
    source.symlink_to(elsewhere)
    _, put_next = put()

    path = put_next()

    assert not path.is_symlink()
    assert path.samefile(elsewhere)


@pytest.mark.parametrize("error", [OSError(18, "another disk"), PermissionError()])
def test_what_cannot_be_linked_is_copied_for_its_owner_alone(put, archive, monkeypatch, error):
    def refuse(*_):
        raise error

    monkeypatch.setattr(os, "link", refuse)
    assert_copied(put, archive)


def test_what_could_not_be_read_by_a_second_name_is_copied(put, archive, monkeypatch):
    monkeypatch.setattr(os, "access", lambda *_: False)
    assert_copied(put, archive)


def assert_copied(put, archive):
    source = archive.local_path(archive.files()[0])
    _, put_next = put()
    path = put_next()
    assert path.read_bytes() == source.read_bytes()
    assert not path.samefile(source)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("1/1_2024-01-01_0#1.json.gz", "000007-1_2024-01-01_0-1.json.gz"),
        ("../../etc/passwd", "000007-passwd"),
        ("..", "000007-.."),
        ("C:\\x\\a b?.json", "000007-a-b-.json"),
        ("ü/é\n.gz", "000007--.gz"),
        ("x" * 300 + ".json.gz", "000007-" + "x" * 92 + ".json.gz"),
    ],
)
def test_a_files_name_is_plain_and_no_path(name, expected):
    assert file_name("", 7, name) == expected


def test_a_prefix_is_made_plain_as_well():
    assert file_name("../my run/", 1, "a.json") == "..-my-run-000001-a.json"


# The folder ---------------------------------------------------------------------------------------


@pytest.fixture
def hand_over(tmp_path, archive):
    """Hands one file over, raises an error if there is one, and leaves; returns what waited."""

    def run(error=None, *, is_taken=False, reader_is_gone=lambda: False):
        paths = []
        clock = WatchedClock(lambda _: paths[0].unlink() if is_taken else never(_))
        with handing_over(tmp_path / "root" / ".tap", "", clock, reader_is_gone) as handover:
            paths.append(put_of(handover, archive, archive.files()[0]))
            assert paths[0].parent.parent == tmp_path / "root" / ".tap"
            assert stat.S_IMODE(paths[0].parent.stat().st_mode) == 0o700
            clocks.append(clock)
            if error is not None:
                raise error

    clocks = []
    yield run, clocks
    left = [path.name for path in (tmp_path / "root").rglob("*")]
    assert left == [".tap", "lock"]


def test_the_folder_is_its_owners_and_gone_at_the_end(hand_over):
    run, clocks = hand_over
    run(is_taken=True)
    assert len(clocks[0].waits) == 1


def test_when_the_export_cannot_go_on_what_was_handed_over_is_still_taken(hand_over):
    run, clocks = hand_over
    with pytest.raises(ValueError, match="the export"):
        run(ValueError("the export"), is_taken=True)
    assert len(clocks[0].waits) == 1


def test_when_moreover_nobody_reads_the_first_error_is_told(hand_over):
    run, _ = hand_over
    with pytest.raises(ValueError, match="the export"):
        run(ValueError("the export"), reader_is_gone=lambda: True)


@pytest.mark.parametrize("end", [SystemExit(143), BrokenPipeError()])
def test_a_signal_or_a_reader_that_left_is_not_waited_for(hand_over, end):
    run, _ = hand_over
    with pytest.raises(type(end)):
        run(end)


def test_a_folder_that_cannot_be_made_is_named_with_its_setting(tmp_path):
    (tmp_path / "file").write_text("")
    root = tmp_path / "file/root"
    with (
        pytest.raises(SpoolUnwritable, match=r"file/root.*batch_config's storage\.root"),
        handing_over(root, "", WatchedClock(never), lambda: False),
    ):
        pass


def test_the_limits_are_those_that_were_chosen():
    assert (handover_module.MOST_FILES, handover_module.MOST_BYTES) == (MOST_FILES, MOST_BYTES)
