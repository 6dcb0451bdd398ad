"""The trace of a data row in the order of time, and what stands in Labelbox because of it. No I/O."""

from collections.abc import Iterator
from dataclasses import dataclass

from prelabel.printing import counted
from prelabel.unix_time import UnixTime
from prelabel_worker.chunks.held_state import HeldState
from prelabel_worker.dead_letters.explain import in_short
from prelabel_worker.dead_letters.letter import DeadLetter
from prelabel_worker.queries.row_report import became
from prelabel_worker.queries.row_trace import Settled, Trace, Waiting


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened to a row, or that it waits for."""

    #: When; None if the time is not known.
    at: UnixTime | None
    #: What happened, such as `imported`.
    what: str
    #: The row's arrival number, or the id of its held row.
    row: str
    #: More about it, in words.
    detail: str = ""
    #: The chunk in which it happened; empty outside a chunk.
    chunk_id: str = ""
    #: The name of the import; empty without one.
    import_name: str = ""
    #: Whether it is a dead letter that can be opened by the id in `row`.
    dead: bool = False


@dataclass(frozen=True, slots=True)
class Standing:
    """A message that stands in Labelbox: the newest one of its row that was imported and not undone."""

    #: The row's arrival number.
    row: int
    #: When its import was settled.
    at: UnixTime | None
    #: The name of the import.
    import_name: str
    #: The chunk in which it was imported.
    chunk_id: str


def timeline(trace: Trace) -> list[Event]:
    """Return what happened to the rows of a trace, oldest first; events without a time come last.

    A row that left its chunk as a dead letter is one event, although the history has it too.
    """
    died = {(dead_letter.id, dead_letter.chunk_id) for dead_letter in trace.dead_letters}
    settled = [event for entry in trace.settled for event in _settled(entry)]
    events = [event for event in settled if event.what != "held" or (event.row, event.chunk_id) not in died]
    in_history = {event.row for event in settled if event.what == "held"}
    for held_id, state in trace.held:
        events += [event for event in _held(held_id, state) if event.what != "held" or held_id not in in_history]
    events += [event for dead_letter in trace.dead_letters for event in _dead(dead_letter)]
    events += [_waiting(waiting) for waiting in trace.waiting]
    return sorted(dict.fromkeys(events), key=lambda event: (event.at is None, event.at or 0.0))


def standing(trace: Trace) -> Standing | None:
    """Return the newest message that was imported and not undone; None if the history has none.

    A trace has the rows of one data row. It does not tell its models apart: the newest is that of any model.
    """
    imported = [entry for entry in trace.settled if entry.row.outcome == "imported" and entry.import_.undone_at is None]
    if not imported:
        return None
    newest = max(imported, key=lambda entry: entry.row.arrival.seq)
    import_ = newest.import_
    return Standing(newest.row.arrival.seq, import_.settled_at, import_.name, import_.chunk_id)


def _settled(settled: Settled) -> Iterator[Event]:
    row, import_ = settled.row, settled.import_
    seq = str(row.arrival.seq)
    if row.arrival.made_ms:
        yield Event(UnixTime.of_ms(row.arrival.made_ms), "published", seq)
    outcome, reason = became(row.outcome)
    yield Event(import_.settled_at, outcome, seq, reason or "", import_.chunk_id, import_.name)
    if import_.undone_at:
        yield Event(import_.undone_at, "undone", seq, "its import was undone", import_.chunk_id, import_.name)


def _held(held_id: str, state: HeldState) -> Iterator[Event]:
    yield Event(UnixTime.known(state.first), "held", held_id, state.reason)
    if state.queued:
        at = None if state.queued is True else UnixTime.known(state.queued)
        yield Event(at, "being tried again", held_id, f"attempt {state.attempts + 1}")
    else:
        yield Event(UnixTime.known(state.due), "next try", held_id, f"{state.reason}, attempt {state.attempts + 1}")


def _dead(dead_letter: DeadLetter) -> Iterator[Event]:
    if dead_letter.retried:
        yield Event(dead_letter.first_at, "held", dead_letter.id)
    tries = f"after {counted(dead_letter.retried, 'retry')}" if dead_letter.retried == 1 else ""
    if dead_letter.retried > 1:
        tries = f"after {dead_letter.retried:,} retries"
    problem = ": ".join(filter(None, (dead_letter.reason, in_short(dead_letter))))
    yield Event(
        dead_letter.last_at,
        "dead letter",
        dead_letter.id,
        " ".join(filter(None, (problem, tries))),
        dead_letter.chunk_id,
        dead_letter.import_name,
        dead=True,
    )
    if dead_letter.superseded:
        yield Event(None, "superseded", dead_letter.id, "a newer message was imported, so a retry is superseded")


def _waiting(waiting: Waiting) -> Event:
    made = UnixTime.known(waiting.made_ms)
    if waiting.chunk is None:
        return Event(made, "published", str(waiting.seq), f"waits in lane {waiting.lane}")
    chunk = waiting.chunk
    why = f": {chunk.why}" if chunk.why else ""
    return Event(made, "published", str(waiting.seq), f"in a chunk, {chunk.state}{why}", chunk.chunk_id, chunk.name)
