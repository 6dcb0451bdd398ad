"""The journal of a publisher: it has exactly the rows that have not left, whatever the end of its process leaves."""

import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from prelabel.publishing import journal as journals
from prelabel.publishing.buffer import Row
from prelabel.publishing.journal import Accepted, Cut, Journal, Left, Record, UnknownRecord, read
from prelabel.wire.frame import read_messages
from tests.support.frames import encode_frame

PROJECTS = ("p", "q", "ein-längerer-Name")


def row(number: int, size: int = 0) -> Row:
    return Row(f"k:{number}", b"%d" % number + b" " * size, 0, b"t")


def files(folder: Path) -> list[Path]:
    return sorted(folder.glob("*.rows"))


def rows_of(folder: Path) -> dict[str, list[int]]:
    """Return the numbers of the rows that a journal has, in order, by project."""
    found: dict[str, list[int]] = {}
    for project_id, pending in read(folder).items():
        in_frames = [int(raw) for frame in pending.frames for raw in read_messages(frame)]
        numbers = in_frames + [int(row.raw) for row in pending.uncut.values()]
        assert pending.rows == len(numbers)
        if numbers:
            found[project_id] = numbers
    return found


class TinyJournal(RuleBasedStateMachine):
    """A journal with files of a few rows, beside lists of what is in memory.

    Each project has its rows in flight, which were cut or not, and those that wait.
    """

    def __init__(self) -> None:
        super().__init__()
        self.place = tempfile.TemporaryDirectory()
        self.folder = Path(self.place.name) / "journal"
        self.journal = Journal(self.folder, self.in_memory)
        self.journal._most_files = 3
        self.accepted = dict.fromkeys(PROJECTS, 0)
        self.left = dict.fromkeys(PROJECTS, 0)
        self.cut: dict[str, Cut] = {}

    def teardown(self) -> None:
        self.journal.close(keep=False)
        assert files(self.folder) == []
        self.place.cleanup()

    def in_memory(self) -> list[Record]:
        found: list[Record] = []
        for project_id in PROJECTS:
            found += [Accepted(project_id, number, row(number)) for number in self.numbers(project_id)]
            if project_id in self.cut:
                found.append(self.cut[project_id])
        return found

    def numbers(self, project_id: str) -> range:
        return range(self.left[project_id] + 1, self.accepted[project_id] + 1)

    @rule(project_id=st.sampled_from(PROJECTS), size=st.integers(0, 300))
    def accept(self, project_id: str, size: int) -> None:
        self.accepted[project_id] += 1
        number = self.accepted[project_id]
        self.journal.write(Accepted(project_id, number, row(number, size)))

    @rule(project_id=st.sampled_from(PROJECTS), share=st.floats(0, 1))
    def put_in_flight(self, project_id: str, share: float) -> None:
        """Cut the rows for the first time, or the same rows again: frames of another lane count."""
        numbers = self.numbers(project_id)
        if project_id in self.cut:
            numbers = range(numbers.start, self.cut[project_id].number + 1)
        elif numbers:
            numbers = numbers[: 1 + int(share * (len(numbers) - 1))]
        if numbers:
            frame = encode_frame([b"%d" % number for number in numbers], lane=0, lanes=8, slow=0, form="k")
            self.cut[project_id] = Cut(project_id, numbers[-1], [frame])
            self.journal.write(self.cut[project_id])

    @rule(projects=st.sets(st.sampled_from(PROJECTS), min_size=1))
    def leave(self, projects: set[str]) -> None:
        done = {project_id: self.cut.pop(project_id).number for project_id in projects if project_id in self.cut}
        self.left |= done
        self.journal.rows_left(done)

    @precondition(lambda self: self.folder.is_dir())
    @rule()
    def lose_the_room_for_a_moment(self) -> None:
        """As when the disk was full: the files are gone, and the next record begins again."""
        self.journal._give_up(OSError("no room"))
        assert files(self.folder) == []
        self.journal._begin_again_at = 0.0
        self.accept("p", 0)
        assert self.journal.is_complete

    @invariant()
    def has_what_is_in_memory_and_nothing_else(self) -> None:
        expected = {name: list(self.numbers(name)) for name in PROJECTS if self.numbers(name)}
        assert rows_of(self.folder) == expected
        for name, pending in read(self.folder).items():
            assert pending.frames == (self.cut[name].frames if name in self.cut else [])

    @invariant()
    def is_bounded(self) -> None:
        """Rows that have left take at most as many files as the others, and eight."""
        journal = self.journal
        assert len(files(self.folder)) <= max(3, journal._most_files)


@pytest.fixture(autouse=True, scope="module")
def tiny_files() -> "object":
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(journals, "_FILE_BYTES", 1000)
        patch.setattr(journals, "_FILES", 3)
        yield


TestTinyJournal = TinyJournal.TestCase
TestTinyJournal.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)


@settings(deadline=None)
@given(st.data())
def test_a_file_that_is_cut_off_or_damaged_anywhere_has_the_records_before_that_place(data: st.DataObject) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        journal = Journal(folder, tuple)
        ends = []
        for number in range(1, 8):
            journal.write(Accepted("p", number, row(number)))
            ends.append(journal._files[-1]._end)
        journal.close(keep=True)
        (path,) = files(folder)
        whole = path.read_bytes()
        at = data.draw(st.integers(0, ends[-1] - 1))
        torn = whole[:at] + bytes([whole[at] ^ data.draw(st.integers(1, 255))]) + whole[at + 1 :]
        path.write_bytes(data.draw(st.sampled_from([whole[:at], whole[:at] + bytes(len(whole) - at), torn])))

        found = rows_of(folder).get("p", [])

        assert found == list(range(1, 1 + sum(end <= at for end in ends)))


def test_a_project_that_is_stuck_does_not_keep_the_files_of_the_others(tmp_path: Path) -> None:
    left = 0
    stuck = [Accepted("stuck", number, row(number)) for number in range(1, 4)]
    journal = Journal(tmp_path, lambda: [*stuck, Accepted("p", left + 1, row(left + 1, 50))])
    for record in stuck:
        journal.write(record)
    for left in range(500):
        journal.write(Accepted("p", left + 1, row(left + 1, 50)))
        journal.rows_left({"p": left})
        assert len(files(tmp_path)) <= 6
    journal.close(keep=True)

    assert rows_of(tmp_path) == {"stuck": [1, 2, 3], "p": [500]}


def test_rows_keep_everything_that_a_frame_is_cut_by(tmp_path: Path) -> None:
    given_row = Row("i:clx", b'{"a":1}', 250, bytes(24))
    journal = Journal(tmp_path, tuple)
    journal.write(Accepted("p", 7, given_row))
    journal.close(keep=True)

    assert read(tmp_path)["p"].uncut == {7: given_row}


def test_a_record_that_is_larger_than_a_file_gets_a_file_of_its_size(tmp_path: Path) -> None:
    journal = Journal(tmp_path, tuple)
    for number, size in ((1, 10), (2, 5000), (3, 10)):
        journal.write(Accepted("p", number, row(number, size)))
    journal.close(keep=True)

    assert rows_of(tmp_path) == {"p": [1, 2, 3]}


def test_files_are_read_in_order_although_the_clock_was_set_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    journal = Journal(tmp_path, tuple)
    journal.write(Accepted("p", 1, row(1, 900)))
    monkeypatch.setattr("prelabel.publishing.journal.time.time_ns", lambda: 5)
    journal.write(Accepted("p", 2, row(2, 900)))
    journal.rows_left({"p": 1})
    journal.write(Left("p", 1))
    journals.append(tmp_path, [Cut("p", 2, [])])
    journal.close(keep=True)

    assert read(tmp_path)["p"].cut == 2
    assert read(tmp_path)["p"].uncut == {}


def test_a_record_of_a_newer_release_is_an_error_and_stays(tmp_path: Path) -> None:
    journal = Journal(tmp_path, tuple)
    journal.write(Accepted("p", 1, row(1)))
    journal._files[-1].append(Left("p", 1), journals._encode([77, "p", 1]))
    journal.close(keep=True)

    with pytest.raises(UnknownRecord, match="has a record that only a newer release knows"):
        read(tmp_path)

    assert len(files(tmp_path)) == 1
