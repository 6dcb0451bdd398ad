"""The spool: what was appended is there after any crash, in order, until it is stepped over."""

import logging
import os
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from prelabel.spool import slots
from prelabel.spool.files import DAMAGED, EXPIRED, ProjectSpool, SpoolDamaged, SpoolFull
from prelabel.wire.frame import cut_at, read_header, read_messages
from tests.support.frames import encode_frame

MANY = 10**9


def frame(text: str = "a", rows: int = 1, lanes: int = 16) -> bytes:
    return encode_frame([text.encode()] * rows, lane=0, lanes=lanes, slow=0, form="k")


def content(spool: ProjectSpool) -> list[bytes]:
    """Everything in the spool, taken off it."""
    found: list[bytes] = []
    while head := spool.head(MANY, MANY):
        found += head
        spool.advance(head)
    return found


def only_segment(folder: Path) -> Path:
    (path,) = folder.glob("*.frames")
    return path


def test_frames_are_there_after_a_restart_in_order_until_they_are_stepped_over(tmp_path: Path) -> None:
    frames = [frame(str(n)) for n in range(5)]
    spool = ProjectSpool(tmp_path / "p", MANY)
    spool.append(frames[:2])
    spool.append(frames[2:])
    spool.advance(spool.head(2, MANY))

    after = ProjectSpool(tmp_path / "p", MANY)

    assert after.rows == 3
    assert content(after) == frames[2:]
    assert list((tmp_path / "p").iterdir()) == []


def test_a_send_is_bounded_in_rows_and_bytes_and_has_one_lane_count(tmp_path: Path) -> None:
    spool = ProjectSpool(tmp_path / "p", MANY)
    frames = [frame(rows=3), frame(rows=3), frame(rows=3), frame(rows=3, lanes=4)]
    spool.append(frames)

    assert spool.head(1, MANY) == frames[:1]
    assert spool.head(6, MANY) == frames[:2]
    assert spool.head(MANY, len(frames[0]) + 1) == frames[:1]
    assert spool.head(MANY, MANY) == frames[:3]


def test_a_full_spool_refuses_and_has_room_again(tmp_path: Path) -> None:
    spool = ProjectSpool(tmp_path / "p", 1000)
    big = [frame(os.urandom(350).hex()) for _ in range(3)]
    spool.append(big[:2])
    with pytest.raises(SpoolFull):
        spool.append(big[2:])
    spool.advance(spool.head(MANY, MANY))

    spool.append(big[2:])
    assert content(spool) == big[2:]


def test_an_unfinished_write_is_cut_off_with_a_warning(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    spool = ProjectSpool(tmp_path / "p", MANY)
    whole, torn = frame("whole"), frame("torn")
    spool.append([whole, torn])
    path = only_segment(tmp_path / "p")
    os.truncate(path, path.stat().st_size - 1)

    with caplog.at_level(logging.WARNING):
        after = ProjectSpool(tmp_path / "p", MANY)

    assert "unfinished" in caplog.text
    after.append([torn])
    assert content(after) == [whole, torn]
    assert not (tmp_path / "p" / DAMAGED).exists()


def test_damage_in_the_middle_is_kept_aside_and_the_rest_continues(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    spool = ProjectSpool(tmp_path / "p", MANY)
    frames = [frame(str(n) * 50) for n in range(3)]
    spool.append(frames)
    path = only_segment(tmp_path / "p")
    before = path.read_bytes()
    at = before.index(frames[1]) + 45
    path.write_bytes(before[:at] + b"\xff" + before[at + 1 :])

    with caplog.at_level(logging.WARNING):
        after = ProjectSpool(tmp_path / "p", MANY)

    assert "damaged" in caplog.text
    (kept,) = (tmp_path / "p" / DAMAGED).iterdir()
    assert frames[2] in kept.read_bytes()
    after.append([frames[1]])
    assert content(after) == [frames[0], frames[1]]


def test_damage_that_comes_later_is_told_and_kept_aside(tmp_path: Path) -> None:
    spool = ProjectSpool(tmp_path / "p", MANY)
    spool.append([frame("a" * 50, rows=7)])
    path = only_segment(tmp_path / "p")
    path.write_bytes(path.read_bytes()[:-5] + b"\xff" * 5)

    with pytest.raises(SpoolDamaged) as damage:
        spool.head(MANY, MANY)

    assert damage.value.rows == 7
    assert spool.head(MANY, MANY) == []
    assert spool.rows == 0
    assert len(list((tmp_path / "p" / DAMAGED).iterdir())) == 1


def test_replaced_frames_are_there_alone_after_a_crash(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A crash between the rename and the removal of the old form must not send both: their ids differ."""
    old, new, behind = [frame("a"), frame("b")], [frame("ab", rows=2)], frame("c")
    spool = ProjectSpool(tmp_path / "p", MANY)
    spool.append([*old, behind])
    monkeypatch.setattr("prelabel.spool.files._remove", lambda segment: None)
    spool.replace(spool.head(2, MANY), new)
    monkeypatch.undo()

    assert spool.rows == 3
    assert content(ProjectSpool(tmp_path / "p", MANY)) == [*new, behind]


def test_a_replacement_that_did_not_happen_leaves_the_old_frames(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spool = ProjectSpool(tmp_path / "p", MANY)
    old = [frame("a"), frame("b")]
    spool.append(old)

    def crash(self: Path, target: Path) -> Path:
        raise KeyboardInterrupt

    monkeypatch.setattr(Path, "replace", crash)
    with pytest.raises(KeyboardInterrupt):
        spool.replace(old, [frame("ab", rows=2)])
    monkeypatch.undo()

    assert content(ProjectSpool(tmp_path / "p", MANY)) == old


def test_a_cursor_of_a_finished_segment_says_nothing_about_the_next(tmp_path: Path) -> None:
    spool = ProjectSpool(tmp_path / "p", MANY)
    first, second = frame("a"), frame("b")
    spool.append([first, second])
    spool.advance([first])
    cursor = next((tmp_path / "p").glob("*.cursor")).read_bytes()
    name = only_segment(tmp_path / "p").stem
    spool.advance([second])
    (tmp_path / "p" / f"{name}.cursor").write_bytes(cursor)

    again = ProjectSpool(tmp_path / "p", MANY)
    again.append([first, second])

    assert content(ProjectSpool(tmp_path / "p", MANY)) == [first, second]


def test_expired_frames_are_moved_aside_and_count_against_the_limit(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    spool = ProjectSpool(tmp_path / "p", 1000)
    old, young = frame(os.urandom(300).hex()), frame("young")
    spool.append([old, young])
    with caplog.at_level(logging.WARNING):
        spool.expire([old])

    assert "1 row moved to" in caplog.text
    assert content(ProjectSpool(tmp_path / "p" / EXPIRED, MANY)) == [old]
    assert spool.head(MANY, MANY) == [young]
    with pytest.raises(SpoolFull):
        spool.append([frame(os.urandom(300).hex())])


def test_the_age_of_a_frame_is_in_its_id() -> None:
    made = frame()
    assert cut_at(made) == int(read_header(made).id[:12], 16) / 1000


def test_a_failed_write_is_written_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    spool = ProjectSpool(tmp_path / "p", MANY)
    first, second = frame("a"), frame("b")
    spool.append([first])

    def no_space(handle: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("prelabel.spool.files.os.fsync", no_space)
    with pytest.raises(OSError, match="No space"):
        spool.append([frame("a longer one that was written in part" * 9)])
    monkeypatch.undo()
    spool.append([second])

    assert spool.rows == 2
    assert content(ProjectSpool(tmp_path / "p", MANY)) == [first, second]
    assert not (tmp_path / "p" / DAMAGED).exists()


def test_a_disk_without_room_for_the_cursor_does_not_stop_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    frames = [frame("a"), frame("b")]
    spool = ProjectSpool(tmp_path / "p", MANY)
    spool.append(frames)

    def no_space(path: Path, content: bytes) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("prelabel.private_files.replace", no_space)
    spool.advance(frames[:1])
    monkeypatch.undo()

    assert "cannot be written" in caplog.text
    assert spool.head(MANY, MANY) == frames[1:]
    assert ProjectSpool(tmp_path / "p", MANY).head(MANY, MANY) == frames


class Crashes(RuleBasedStateMachine):
    """Appends, steps and replacements in any order, with crashes that tear the end of the last write."""

    def __init__(self) -> None:
        super().__init__()
        self.temporary = tempfile.TemporaryDirectory()
        self.folder = Path(self.temporary.name) / "p"
        self.spool = ProjectSpool(self.folder, 600_000)  # segments of 73 KiB
        self.there: list[bytes] = []
        self.written = 0

    def teardown(self) -> None:
        self.temporary.cleanup()

    @rule(sizes=st.lists(st.integers(1, 40_000), min_size=1, max_size=4), lanes=st.sampled_from([4, 16]))
    def append(self, sizes: list[int], lanes: int) -> None:
        frames = []
        for size in sizes:
            self.written += 1
            frames.append(frame(f"{self.written}:{os.urandom(size // 2).hex()}", lanes=lanes))
        try:
            self.spool.append(frames)
        except SpoolFull:
            assert self.spool.size > 300_000
            return
        self.there += frames

    @precondition(lambda self: self.there)
    @rule(rows=st.integers(1, 5))
    def advance(self, rows: int) -> None:
        head = self.spool.head(rows, MANY)
        assert head
        assert head == self.there[: len(head)]
        self.spool.advance(head)
        del self.there[: len(head)]

    @precondition(lambda self: self.there)
    @rule(rows=st.integers(1, 3))
    def replace(self, rows: int) -> None:
        head = self.spool.head(rows, MANY)
        new = [encode_frame([raw for old in head for raw in read_messages(old)], lane=0, lanes=4, slow=0, form="k")]
        self.spool.replace(head, new)
        self.there[: len(head)] = new

    @rule(data=st.data())
    def crash(self, data: st.DataObject) -> None:
        """A crash in the middle of an append: any part of its bytes is on the disk, and nobody was told."""
        unfinished = [frame("unfinished" * 20), frame("too" * 50)]
        segments = set(self.folder.glob("*.frames"))
        before = {path: path.stat().st_size for path in segments}
        self.spool.append(unfinished, beyond_limit=True)
        (path,) = (path for path in self.folder.glob("*.frames") if path.stat().st_size != before.get(path, 0))
        first, both = len(unfinished[0]) + 12, len(unfinished[0]) + len(unfinished[1]) + 24
        kept = data.draw(st.integers(0, both))
        os.truncate(path, before.get(path, 0) + kept)
        self.there += unfinished[: (kept >= first) + (kept >= both)]
        self.spool = ProjectSpool(self.folder, 600_000)

    @invariant()
    def knows_its_rows(self) -> None:
        assert self.spool.rows == sum(read_header(each).rows for each in self.there)
        assert self.spool.size <= 600_000 + 1000 * 50


TestCrashes = pytest.mark.slow(Crashes.TestCase)
TestCrashes.settings = settings(max_examples=40, stateful_step_count=25, deadline=None)


@given(st.data())
@settings(max_examples=60, deadline=None)
def test_truncated_at_any_byte_it_keeps_what_lies_before(data: st.DataObject) -> None:
    with tempfile.TemporaryDirectory() as folder:
        frames = [frame(str(n)) for n in range(4)]
        spool = ProjectSpool(Path(folder) / "p", MANY)
        ends = []
        for each in frames:
            spool.append([each])
            ends.append(spool.size)
        kept = data.draw(st.integers(0, ends[-1]))
        os.truncate(only_segment(Path(folder) / "p"), kept)

        assert content(ProjectSpool(Path(folder) / "p", MANY)) == frames[: sum(end <= kept for end in ends)]


def test_processes_own_different_slots_and_a_free_one_is_taken_again(tmp_path: Path) -> None:
    first, second = slots.take_slot(tmp_path), slots.take_slot(tmp_path)
    assert [first.folder.name, second.folder.name] == ["0", "1"]

    first.spool("p", MANY).append([frame()])
    assert list(slots.take_leftovers(tmp_path)) == []
    first.release()

    (leftover,) = slots.take_leftovers(tmp_path)
    assert leftover.projects() == ["p"]
    assert leftover.spool("p", MANY).rows == 1
    leftover.release()
    assert slots.take_slot(tmp_path).folder.name == "0"
    second.release()


def test_a_child_that_outlives_its_parent_does_not_keep_the_parents_slot(tmp_path: Path) -> None:
    slot = slots.take_slot(tmp_path)
    ready, done = os.pipe(), os.pipe()
    child = os.fork()
    if child == 0:
        os.write(ready[1], b".")
        os.read(done[0], 1)
        os._exit(0)
    os.read(ready[0], 1)
    slot.release()
    again = slots.take_slot(tmp_path)
    os.write(done[1], b".")
    os.waitpid(child, 0)

    assert again.folder.name == "0"
