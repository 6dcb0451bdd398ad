"""Changes the states of chunks. Every change is a script that checks the lease's token."""

import secrets
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Literal

from prelabel.wire import keys
from prelabel.wire.client import Client
from prelabel.wire.durability import NotDurable
from prelabel.wire.frame import VERSION as FRAME_VERSION
from prelabel_worker.chunks import history
from prelabel_worker.chunks.chunk import KNOWN_VERSION, Chunk, Defect, State, Verdict, chunk_from_fields, middle
from prelabel_worker.chunks.commit import Kept, arguments
from prelabel_worker.chunks.rows import Committed, RowOutcome, Slice
from prelabel_worker.chunks.sent_lines import SentLines
from prelabel_worker.errors import LeaseLost, PurgeEnded
from prelabel_worker.scripts import Call, Scripts
from prelabel_worker.settings import Settings

_DAY_MS = 86_400_000
_PURGED_TOGETHER = 1000  # rows in one chunk


@dataclass(frozen=True, slots=True)
class Cut:
    """A chunk that was cut from waiting rows."""

    #: Its id.
    id: str
    #: Rows that remain for other chunks.
    remaining: int
    #: The chunk, which the caller holds; None if it is there for anybody to take.
    held: Chunk | None
    #: A monotonic time just before it was cut.
    at: float


@dataclass(frozen=True, slots=True)
class Ended:
    """How the import of a chunk ended."""

    #: The chunk, which the caller holds.
    chunk: Chunk
    verdict: Verdict
    #: Address of the import's status file; empty if there is none.
    status_url: str = ""
    #: Address of the file of errors of an import that failed as a whole; empty if there is none.
    error_url: str = ""
    #: Whether the caller still holds the chunk when this is recorded, to settle it.
    kept: bool = False

    @property
    def recorded(self) -> Chunk:
        """The chunk once this is recorded."""
        return replace(
            self.chunk, verdict=self.verdict, status_url=self.status_url, error_url=self.error_url, defects=0
        )


@dataclass(frozen=True, slots=True)
class Outcomes:
    """One slice of the outcomes of a chunk that the caller holds."""

    #: The chunk, with the rows set aside so far.
    chunk: Chunk
    #: Index at which the last slice ended.
    cursor: int
    part: Slice
    #: The history's record of the whole chunk, which only the last slice has.
    record: bytes
    #: Whether this is the last slice: no row is left, and the chunk ends.
    finish: bool


class Ledger:
    """Claims chunks and moves them, for one Redis and one set of settings."""

    def __init__(self, client: Client, settings: Settings) -> None:
        self._client = client
        self._settings = settings
        self._scripts = Scripts(client)
        self._lease_ms = int(settings.lease_seconds * 1000)
        self._kept = Kept(
            history_ms=int(settings.history_days * _DAY_MS),
            history_bytes=int(settings.history_megabytes * 1e6),
            frame_memory_ms=int(settings.frame_memory_days * _DAY_MS),
        )

    def _keys(self, project_id: str) -> keys.ProjectKeys:
        return keys.ProjectKeys(self._settings.key_prefix, project_id)

    def cut_chunks(self, project_id: str) -> Iterator[Cut]:
        """Claim waiting rows into chunks while enough of them wait; yield them, and hold one that leaves no rows."""
        remaining = 1
        while remaining and (cut := self._cut(project_id, secrets.token_hex(8))) is not None:
            remaining = cut.remaining
            yield cut

    def cut_chunk(self, project_id: str) -> str | None:
        """Claim waiting rows into a chunk for anybody; return its id, or None when there is nothing to do now."""
        cut = self._cut(project_id, "")
        return cut.id if cut is not None else None

    def _cut(self, project_id: str, token: str) -> Cut | None:
        """Claim waiting rows into a chunk, which is held with the token if no other can be cut now."""
        settings, chunk_id, begun = self._settings, secrets.token_hex(8), time.monotonic()
        answer = self._scripts.run(
            "group",
            self._keys(project_id).root,
            chunk_id,
            settings.chunk_rows,
            settings.chunk_bytes,
            settings.chunk_slow_annotations,
            settings.chunk_frames,
            int(settings.linger_seconds * 1000),
            settings.open_chunks,
            FRAME_VERSION,
            self._lease_ms,
            token,
        )
        if answer[0] == b"cut":
            held = _held(project_id, chunk_id, token, *answer[2:]) if answer[2:] else None
            return Cut(chunk_id, int(answer[1]), held, begun)
        self._look_at(project_id, int(answer[1]))
        return None

    def cut_for_purge(self, project_id: str) -> str | None:
        """Claim waiting rows that a purge covers into a chunk; return its id, or None when no such row waits.

        Raises PurgeEnded.
        """
        settings, chunk_id = self._settings, secrets.token_hex(8)
        most = min(settings.chunk_rows, _PURGED_TOGETHER)
        args = (chunk_id, most, settings.chunk_frames, FRAME_VERSION, self._lease_ms)
        answer = self._scripts.run("purge_cut", self._keys(project_id).root, *args)
        if answer[0] == b"ended":
            raise PurgeEnded
        return chunk_id if answer[0] == b"cut" else None

    def take(self, project_id: str, chunk_id: str, purpose: Literal["submit", "follow", "purge"]) -> Chunk | None:
        """Lease an unleased chunk: one that is due, to submit it or follow its import; or an unsent one, to purge it.

        None: the hint was stale, or the chunk is leased, not due yet, gone, or of a newer version.
        """
        (taken,) = self.take_all([(project_id, chunk_id)], purpose)
        return taken()

    def take_all(
        self, names: Sequence[tuple[str, str]], purpose: Literal["submit", "follow", "purge"]
    ) -> list[Callable[[], Chunk | None]]:
        """Do what `take` does with several chunks, named by project and id, in one round trip.

        Each of the functions returns what `take` returns for one of them, or raises the error of its project.
        """
        tokens = [secrets.token_hex(8) for _ in names]
        limit_ms = int(self._settings.server_limit_seconds * 1000)
        calls = [
            Call(
                "take",
                self._keys(project_id).root,
                [chunk_id, token, self._lease_ms, limit_ms, purpose, KNOWN_VERSION],
            )
            for (project_id, chunk_id), token in zip(names, tokens, strict=True)
        ]
        answers = zip(names, tokens, self._scripts.run_all(calls), strict=True)
        return [partial(self._taken, *name, token, answer) for name, token, answer in answers]

    def _taken(self, project_id: str, chunk_id: str, token: str, answer: Any) -> Chunk | None:
        if isinstance(answer, Exception):
            raise answer
        if answer[0] == b"newer":
            self._look_at(project_id, int(answer[1]))
        return _held(project_id, chunk_id, token, *answer[1:]) if answer[0] == b"taken" else None

    def renew(self, chunk: Chunk) -> bool:
        """Extend the lease; False when the chunk is no longer held with this token."""
        args = (chunk.id, chunk.token, self._lease_ms)
        return bool(self._scripts.run("renew", self._keys(chunk.project_id).root, *args))

    def set_aside(self, chunk: Chunk, outcomes: Sequence[RowOutcome]) -> Chunk:
        """Give rows their outcomes before an import, and return the chunk as it is then. Raises LeaseLost."""
        part = self._aside(chunk, outcomes)
        self.commit_rows(chunk, chunk.cursor, part, finish=False)
        return replace(chunk, aside=chunk.aside + part.aside)

    def end_unsent(self, chunk: Chunk, outcomes: Sequence[RowOutcome]) -> int | None:
        """Give the last rows of a chunk their outcomes without an import: it ends.

        Returns the number of rows that wait in the inbox. Raises LeaseLost.
        """
        part = self._aside(chunk, outcomes)
        record = history.record_of(chunk, self.past(chunk) + part.entries[0])
        return self.commit_rows(chunk, chunk.cursor, part, record=record, finish=True).waiting

    def _aside(self, chunk: Chunk, outcomes: Sequence[RowOutcome]) -> Slice:
        part = Slice(chunk.cursor, outcomes=list(outcomes), entries=[history.set_aside(chunk.items, outcomes)])
        if superseding := {outcome.index: outcome.supersedes for outcome in outcomes if outcome.supersedes}:
            arrived = history.arrivals(chunk.items)
            part.superseding = [(row_key, arrived[index].seq) for index, row_key in superseding.items()]
        return part

    def commit_rows(self, chunk: Chunk, cursor: int, part: Slice, *, record: bytes = b"", finish: bool) -> Committed:
        """Commit one slice of outcomes, see `Outcomes` and commit_rows.lua. Raises LeaseLost."""
        (commit,) = self.commit_all([Outcomes(chunk, cursor, part, record, finish)])
        return commit()

    def commit_all(self, slices: Sequence[Outcomes]) -> list[Callable[[], Committed]]:
        """Commit slices of several chunks in one round trip.

        Each of the functions returns what became of one slice, or raises the error of its project, or LeaseLost.
        """
        calls = []
        for each in slices:
            aside = each.chunk.aside
            args = arguments(each.part, each.cursor, aside, each.record, self._kept, finish=each.finish)
            root = self._keys(each.chunk.project_id).root
            calls.append(Call("commit_rows", root, [each.chunk.id, each.chunk.token, *args]))
        answers = zip(slices, self._scripts.run_all(calls), strict=True)
        return [partial(_committed, each.chunk.id, answer) for each, answer in answers]

    def past(self, chunk: Chunk) -> bytes:
        """Return the history entries of rows that already have their outcome."""
        return bytes(self._client.get(self._keys(chunk.project_id).chunk_past(chunk.id)) or b"")

    def record_import(self, chunk: Chunk, account: str, name: str, sent: SentLines) -> None:
        """Record durably the import that is about to be sent. Raises LeaseLost."""
        args: list[str | int | bytes] = [chunk.id, chunk.token, State.SUBMITTING.value, len(sent.rows), 0, 0]
        args += ["account", account, "submitAs", chunk.submit_as.value, "name", name]
        args += ["sent", sent.to_bytes(), "importId", ""]
        try:
            root = self._keys(chunk.project_id).root
            moved = self._scripts.run_durably(self._settings.durability, "move", root, *args)
        except NotDurable:
            raise LeaseLost("Redis did not confirm in time that the import's name is safe") from None
        if not int(moved):
            raise LeaseLost

    def running(self, chunk: Chunk, import_id: str, poll_in: float) -> None:
        """Record that Labelbox has the import. Raises LeaseLost."""
        fields: dict[str, str | int | bytes] = {"importId": import_id, "failures": 0, "unanswered": 0}
        fields |= {"why": "", "permitMs": 0}
        self._move(chunk, State.RUNNING, poll_in, fields=fields, polled=True)

    def poll_again(
        self,
        chunk: Chunk,
        seconds: float,
        failures: int = 0,
        *,
        why: str = "",
        permit_ms: int = 0,
        misses: int | None = None,
        odd_state: str = "",
        defect: Defect | None = None,
    ) -> None:
        """Schedule another poll of the running import. Raises LeaseLost."""
        fields: dict[str, str | int | bytes] = {"failures": failures, "why": why, "permitMs": permit_ms}
        fields["oddState"] = odd_state or chunk.odd_state
        fields["misses"] = chunk.misses if misses is None else misses
        self._move(chunk, State.RUNNING, seconds, fields=fields, polled=True, defect=defect)

    def ended(self, ends: Sequence[Ended]) -> list[Callable[[], None]]:
        """Record how imports ended, in one round trip; the caller settles those that it keeps, and hints at the others.

        Each of the functions returns if this is recorded of one of them, and else raises the error of its project, or
        LeaseLost.
        """
        calls = []
        for end in ends:
            fields: dict[str, str | int | bytes] = {"verdict": end.verdict}
            fields |= {"statusUrl": end.status_url, "errorUrl": end.error_url}
            calls += self._moves(end.chunk, State.RUNNING, 0, fields=fields, hinted=not end.kept, kept=end.kept)
        return [partial(_check, moved) for moved in self._scripts.run_all(calls)]

    def wait(
        self,
        chunk: Chunk,
        seconds: float,
        *,
        why: str,
        failures: int = 0,
        permit_ms: int = 0,
        defect: Defect | None = None,
    ) -> None:
        """Schedule the chunk to be submitted later: nothing was sent. Raises LeaseLost."""
        fields: dict[str, str | int | bytes] = {"why": why, "failures": failures, "permitMs": permit_ms}
        self._move(chunk, State.WAITING, seconds, fields=fields, defect=defect)

    def uncertain(
        self,
        chunk: Chunk,
        seconds: float,
        *,
        why: str,
        failures: int = 0,
        sent_now: bool,
        suspect: bool = False,
        permit_ms: int = 0,
        defect: Defect | None = None,
    ) -> None:
        """Schedule a look-up of the import by name: its file may have been accepted. Raises LeaseLost.

        `sent_now`: it was sent just now. `suspect`: the file may have caused the failure, so that it counts as an
        unanswered upload.
        """
        fields: dict[str, str | int | bytes] = {"why": why, "failures": failures, "permitMs": permit_ms}
        fields["unanswered"] = chunk.unanswered + suspect
        self._move(chunk, State.UNCERTAIN, seconds, fields=fields, sent_now=sent_now, defect=defect)

    def give_back(
        self,
        chunk: Chunk,
        seconds: float,
        *,
        why: str,
        failures: int,
        permit_ms: int = 0,
        defect: Defect | None = None,
    ) -> None:
        """Leave a `waiting` or `uncertain` chunk as it is until later: nothing was sent just now. Raises LeaseLost."""
        if chunk.state is State.UNCERTAIN:
            self.uncertain(
                chunk, seconds, why=why, failures=failures, sent_now=False, permit_ms=permit_ms, defect=defect
            )
        else:
            self.wait(chunk, seconds, why=why, failures=failures, permit_ms=permit_ms, defect=defect)

    def settle_again(self, chunk: Chunk, seconds: float, *, why: str, failures: int, poll: bool) -> None:
        """Settle the chunk later; with `poll`, poll for a fresh address of the file first. Raises LeaseLost."""
        fields: dict[str, str | int | bytes] = {"why": why, "failures": failures}
        if poll:
            fields["verdict"] = ""
        self._move(chunk, State.RUNNING, seconds, fields=fields)

    def rest(self, chunk: Chunk, seconds: float, defect: Defect) -> None:
        """Leave a chunk as it is for a while after a defect of ours; do nothing if it has another holder."""
        args = (chunk.id, chunk.token, int(seconds * 1000), defect.what, int(defect.stuck))
        look = int(self._scripts.run("rest", self._keys(chunk.project_id).root, *args))
        self._look_at(chunk.project_id, chunk.taken_ms if defect.stuck and look else look)

    def split(self, chunk: Chunk) -> list[str]:
        """Put two chunks in place of this one; return their ids. Raises LeaseLost."""
        children = [secrets.token_hex(8), secrets.token_hex(8)]
        first, second = children
        args = (chunk.id, chunk.token, middle(chunk.rows), first, second, self._lease_ms, chunk.rows)
        if not self._scripts.run("split", self._keys(chunk.project_id).root, *args):
            raise LeaseLost
        return children

    def open_fewer(self, project_id: str) -> None:
        """Halve the number of chunks that the project may have open: Labelbox is down, slow, or limits our requests."""
        self._scripts.run("open_fewer", self._keys(project_id).root)

    def _move(self, chunk: Chunk, state: State, seconds: float, **how: Any) -> None:
        """Give the chunk back in this state, as `_moves` says. Raises LeaseLost."""
        moved, *_ = self._scripts.run_all(self._moves(chunk, state, seconds, **how))
        _check(moved)

    def _moves(
        self,
        chunk: Chunk,
        state: State,
        seconds: float,
        *,
        fields: dict[str, str | int | bytes],
        hinted: bool = False,
        kept: bool = False,
        polled: bool = False,
        sent_now: bool = False,
        defect: Defect | None = None,
    ) -> list[Call]:
        """Return the calls that give the chunk back in this state, and schedule the next look at it.

        With `kept` the caller keeps the lease. With `polled` the set of polls brings the chunk back, with `hinted` the
        caller's hint; should that be lost, the chunk's timer does so a lease later. A stage that succeeds resets the
        count of defects.
        """
        if defect is not None:
            fields |= {"defects": defect.count, "defect": defect.what, "stuckMs": int(defect.stuck)}
        elif chunk.defects and (fields.get("failures") == 0 or fields.get("verdict")):
            fields |= {"defects": 0, "defect": "", "stuckMs": 0}
        due_ms = int(seconds * 1000)
        args: list[str | int | bytes] = [chunk.id, chunk.token, state.value, due_ms]
        args.append(-1 if kept else due_ms + self._lease_ms if polled or hinted else 0)
        args.append(int(self._settings.server_limit_seconds * 1000) if sent_now else 0)
        for name, value in fields.items():
            args += [name, value]
        calls = [Call("move", self._keys(chunk.project_id).root, args)]
        if polled:
            calls.append(self._poll_in(chunk, due_ms))
        if defect and defect.stuck:  # the project may cut another chunk now
            calls.append(self._look_in(chunk.project_id, 0))
        elif not polled and not hinted and not kept:
            calls.append(self._look_in(chunk.project_id, due_ms))
        return calls

    def _poll_in(self, chunk: Chunk, ms: int) -> Call:
        prefix = self._settings.key_prefix
        return Call("poll_in", keys.polls(prefix), [f"{chunk.project_id} {chunk.id}", ms])

    def _look_in(self, project_id: str, ms: int) -> Call:
        """Have the ticks look at the project in at most so many ms; a hint, lost without harm."""
        return Call("look_in", keys.projects(self._settings.key_prefix), [project_id, ms])

    def _look_at(self, project_id: str, at_ms: int) -> None:
        """Have the ticks look at the project no later than this; a hint, lost without harm."""
        if at_ms:
            self._client.zadd(keys.projects(self._settings.key_prefix), {project_id: at_ms}, lt=True)


def _held(project_id: str, chunk_id: str, token: str, now_ms: bytes, fields: Sequence[bytes]) -> Chunk:
    """Return a chunk that was taken at this time of Redis. Raises what `chunk_from_fields` raises."""
    named = dict(zip(fields[::2], fields[1::2], strict=True))
    return chunk_from_fields(project_id, chunk_id, token, int(now_ms), named)


def _committed(chunk_id: str, answer: Any) -> Committed:
    """Return what commit_rows.lua answers, or raise the error that is the answer, or LeaseLost."""
    if isinstance(answer, Exception):
        raise answer
    if answer[0] == b"ok":
        return Committed(None, *answer[1:])
    if answer[0] == b"done":
        return Committed(*answer[1:])
    if answer[0] == b"unbalanced":
        raise AssertionError(f"chunk {chunk_id} would end with {answer[1]} rows without an outcome")
    raise LeaseLost


def _check(moved: Any) -> None:
    """Raise the error that is the answer of a move, or LeaseLost if the chunk was not moved."""
    if isinstance(moved, Exception):
        raise moved
    if not int(moved):
        raise LeaseLost
