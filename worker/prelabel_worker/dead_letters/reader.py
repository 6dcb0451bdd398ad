"""Read held rows: dead letters by id or by filter, groups of dead letters, and rows that are pending. Never writes."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from itertools import islice
from typing import Any

from prelabel.unix_time import UnixTime
from prelabel.wire import keys
from prelabel.wire.client import Client
from prelabel_worker.chunks.held_state import HeldState, read_state
from prelabel_worker.dead_letters.batches import SLICE, parts
from prelabel_worker.dead_letters.filter import DeadLetterFilter
from prelabel_worker.dead_letters.letter import DeadLetter, DeadLetterGroup, read_dead_letter
from prelabel_worker.quarantine.pipelines import ask
from prelabel_worker.rendering.identity import row_key


class HeldReader:
    """Reads the held rows of all projects in one Redis."""

    def __init__(self, client: Client, key_prefix: str = keys.DEFAULT_PREFIX) -> None:
        self._client = client
        self._prefix = key_prefix

    def dead_letter(self, project_id: str, dead_letter_id: str) -> DeadLetter | None:
        """Return a dead letter by its id, or None if there is none, or none any more."""
        project_keys = self._keys(project_id)
        with self._client.pipeline(transaction=True) as pipeline:
            pipeline.zscore(project_keys.dead, dead_letter_id)
            pipeline.hget(project_keys.held, dead_letter_id)
            pipeline.hget(project_keys.held_body, dead_letter_id)
            died, state, body = pipeline.execute()
        if died is None or state is None or body is None:
            return None
        return read_dead_letter(project_id, dead_letter_id, read_state(state), body)

    def dead_letters(
        self, project_id: str, *, reason: str | None = None, message_id: str | None = None, limit: int = 50
    ) -> list[DeadLetter]:
        """Return at most `limit` dead letters with this reason and message id, newest first."""
        chosen = DeadLetterFilter(reason=reason, message_id=message_id)
        return list(islice(self.choose(project_id, chosen), limit))

    def choose(
        self, project_id: str, chosen: DeadLetterFilter, ended: Callable[[], bool] = lambda: False
    ) -> Iterator[DeadLetter]:
        """Yield the dead letters that a filter selects, newest first. Reads them in slices, to need little memory.

        `ended` is asked before each slice of candidates, of which none may match; if it returns True, the search ends.
        """
        for part, _ in self._candidates(self._keys(project_id), chosen):
            if ended():
                return
            yield from (dead_letter for dead_letter in self._read(project_id, part) if chosen.accepts(dead_letter))

    def slices(
        self, project_id: str, chosen: DeadLetterFilter, ended: Callable[[], bool] = lambda: False
    ) -> Iterator[list[str]]:
        """Yield the ids of the dead letters that a filter selects, up to `SLICE` at a time; for `ended` see `choose`.

        Dead letters are read only if no index can answer the filter. If the filter has nothing but ids, those ids are
        returned without checking that such dead letters exist.
        """
        for part, answered in self._candidates(self._keys(project_id), chosen):
            if ended():
                return
            ids = part
            if not answered:
                ids = [dead_letter.id for dead_letter in self._read(project_id, part) if chosen.accepts(dead_letter)]
            if ids:
                yield ids

    def groups(self, project_id: str, most: int = 100) -> list[DeadLetterGroup]:
        """Return at most `most` groups, largest first. Reads the counts and one dead letter of each group."""
        project_keys = self._keys(project_id)
        with self._client.pipeline(transaction=True) as pipeline:
            pipeline.hgetall(project_keys.dead_groups)
            pipeline.hgetall(project_keys.dead_sample)
            counts, samples = pipeline.execute()
        largest = sorted(counts.items(), key=lambda pair: (-int(pair[1]), pair[0]))[:most]
        with self._client.pipeline(transaction=False) as pipeline:
            for group, _ in largest:
                for reverse in (False, True):
                    pipeline.zrange(project_keys.dead_group(group.decode()), 0, 0, desc=reverse, withscores=True)
            ends = pipeline.execute()
        sample_ids = [samples[group].decode() for group, _ in largest if group in samples]
        # Without their messages, which may have megabytes each.
        dead_letters = {
            dead_letter.group: replace(dead_letter, message=b"") for dead_letter in self._read(project_id, sample_ids)
        }
        groups = []
        for at, (group, rows) in enumerate(largest):
            first, last, sample = ends[2 * at], ends[2 * at + 1], dead_letters.get(group.decode())
            if first and last and sample is not None:
                groups.append(
                    DeadLetterGroup(
                        project_id,
                        sample.group,
                        int(rows),
                        UnixTime.of_ms(first[0][1]),
                        UnixTime.of_ms(last[0][1]),
                        sample,
                    )
                )
        return groups

    def some(
        self, pairs: Sequence[tuple[str, str]], wanted: Callable[[tuple[str, str], HeldState], bool] = lambda *_: True
    ) -> Iterator[DeadLetter]:
        """Yield the dead letters of several projects, each named by its project and its id, in order.

        Leaves out those that are dead no more, those whose state is not `wanted`, and those that no worker has written:
        one project with wrong keys must not hide the others. Takes two round trips for each `SLICE`, and reads at most
        a few megabytes at a time.
        """

        def ask_state(pipeline: Any, pair: tuple[str, str]) -> None:
            pipeline.zscore(self._keys(pair[0]).dead, pair[1])
            pipeline.hget(self._keys(pair[0]).held, pair[1])

        def ask_body(pipeline: Any, entry: tuple[tuple[str, str], HeldState]) -> None:
            pipeline.hget(self._keys(entry[0][0]).held_body, entry[0][1])

        for start in range(0, len(pairs), SLICE):
            listed = [
                (pair, _state_or_none(state))
                for pair, (died, state) in ask(self._client, pairs[start : start + SLICE], ask_state)
                if isinstance(died, float) and isinstance(state, bytes)
            ]
            chosen = [(pair, state) for pair, state in listed if state is not None and wanted(pair, state)]
            for batch in parts(chosen, lambda entry: entry[1].bytes):
                for ((project_id, held_id), state), (body,) in ask(self._client, batch, ask_body):
                    if isinstance(body, bytes):
                        yield from _readable(project_id, held_id, state, body)

    def pending(self, project_id: str) -> list[str]:
        """Return the ids of the held rows that count as pending, read at one moment.

        Rows that are being tried come first, then retrying rows in the order in which they are due.
        """
        project_keys = self._keys(project_id)
        with self._client.pipeline(transaction=True) as pipeline:
            for index in (project_keys.retrying_queued, project_keys.dead_queued, project_keys.retrying):
                pipeline.zrange(index, 0, -1)
            queued, dead_letters, retrying = pipeline.execute()
        return [name.decode() for name in (*queued, *dead_letters, *retrying)]

    def retrying(self, project_id: str, most: int) -> list[tuple[str, UnixTime, HeldState]]:
        """Return id, next try and state of at most `most` rows that wait for a try, in the order of their tries."""
        due = self._client.zrange(self._keys(project_id).retrying, 0, most - 1, withscores=True)
        states = self.states(project_id, [name.decode() for name, _ in due])
        times = ((name.decode(), UnixTime.of_ms(ms)) for name, ms in due)
        return [(held_id, at, states[held_id]) for held_id, at in times if held_id in states]

    def being_tried(self, project_id: str, most: int) -> list[str]:
        """Return the ids of at most `most` retrying rows and `most` dead letters that are being tried, oldest first."""
        project_keys = self._keys(project_id)
        indexes = (project_keys.retrying_queued, project_keys.dead_queued)
        parts = [self._client.zrange(index, 0, most - 1) for index in indexes]
        return [held_id.decode() for part in parts for held_id in part]

    def rows(self, project_id: str, held_ids: Sequence[str]) -> Iterator[DeadLetter]:
        """Yield the rows with these ids that are still held: dead, retrying or being tried."""
        return self._read(project_id, held_ids, dead=False)

    def states(self, project_id: str, held_ids: Sequence[str]) -> dict[str, HeldState]:
        """Return id → state for the rows with these ids that are still held: dead, retrying or being tried."""
        states: dict[str, HeldState] = {}
        for start in range(0, len(held_ids), SLICE):
            part = held_ids[start : start + SLICE]
            stored = self._client.hmget(self._keys(project_id).held, part)
            states |= {held_id: read_state(state) for held_id, state in zip(part, stored, strict=True) if state}
        return states

    def count_dead(self, project_id: str, dead_letter_ids: Sequence[str]) -> tuple[int, int]:
        """Return how many of these ids, at most some hundred, are dead letters, and how many of them are superseded."""
        project_keys = self._keys(project_id)
        with self._client.pipeline(transaction=True) as pipeline:
            pipeline.zmscore(project_keys.dead, dead_letter_ids)
            pipeline.hmget(project_keys.held, dead_letter_ids)
            scores, states = pipeline.execute()
        dead = [state for score, state in zip(scores, states, strict=True) if score is not None and state is not None]
        return len(dead), sum(read_state(state).superseded for state in dead)

    def now_ms(self) -> int:
        """Return the time of Redis's clock in ms, which dead letters are dated by."""
        seconds, micros = self._client.time()
        return int(seconds) * 1000 + int(micros) // 1000

    def lanes(self, project_id: str) -> int:
        """Return the project's number of lanes, which never changes once it is set."""
        return int(self._client.hget(self._keys(project_id).meta, "lanes") or 1)

    def _keys(self, project_id: str) -> keys.ProjectKeys:
        return keys.ProjectKeys(self._prefix, project_id)

    def _candidates(self, project_keys: keys.ProjectKeys, chosen: DeadLetterFilter) -> Iterator[tuple[list[str], bool]]:
        """Yield slices of ids from the smallest index that contains all matches.

        With each slice goes whether that index answers the whole filter, so that no dead letter has to be read.
        """
        if by_name := self._by_name(project_keys, chosen):
            ids, alone = by_name
            for at in range(0, len(ids), SLICE):
                yield ids[at : at + SLICE], alone
            return
        alone = not (chosen.group and chosen.reason) and not chosen.reads_messages
        for part in self._walk(chosen.index(project_keys), *chosen.range):
            yield part, alone

    def _by_name(self, project_keys: keys.ProjectKeys, chosen: DeadLetterFilter) -> tuple[list[str], bool] | None:
        """Return the few ids that the filter names: by id, by message id, or by data row and model.

        Also returns whether those ids answer the whole filter. None if the filter names none of them.
        """
        if chosen.ids:
            return list(dict.fromkeys(chosen.ids)), chosen == DeadLetterFilter(ids=chosen.ids)
        if chosen.message_id is not None:
            dead_letter_id = self._client.hget(project_keys.dead_messages, chosen.message_id)
            return [dead_letter_id.decode()] if dead_letter_id else [], False
        if chosen.data_row is not None and chosen.model is not None:
            rows = [row_key(key, chosen.model) for key in chosen.data_row_keys]
            held = self._client.hmget(project_keys.held_rows, rows)
            return [held_id for ids in held if ids for held_id in reversed(ids.decode().split())], False
        return None

    def _walk(self, key: str, highest: str | float, lowest: str | float) -> Iterator[list[str]]:
        """Yield slices of ids from the highest score to the lowest.

        Each page begins at the last score seen, so dead letters that are retried meanwhile do not shift the pages.
        """
        seen: set[bytes] = set()
        while True:
            page = self._client.zrevrangebyscore(key, highest, lowest, 0, SLICE + len(seen), withscores=True)
            fresh = [(held_id, score) for held_id, score in page if held_id not in seen][:SLICE]
            if not fresh:
                return
            yield [held_id.decode() for held_id, _ in fresh]
            last = fresh[-1][1]
            seen = {held_id for held_id, score in fresh if score == last} | (seen if last == highest else set())
            highest = last

    def _read(self, project_id: str, held_ids: Sequence[str], *, dead: bool = True) -> Iterator[DeadLetter]:
        """Yield the rows with these ids that are held, in order. Reads at most a few megabytes at a time.

        With `dead`, only dead letters.
        """
        for start in range(0, len(held_ids), SLICE):
            part, project_keys = held_ids[start : start + SLICE], self._keys(project_id)
            with self._client.pipeline(transaction=True) as pipeline:
                pipeline.hmget(project_keys.held, part)
                if dead:
                    pipeline.zmscore(project_keys.dead, part)
                states, *scores = pipeline.execute()
            listed = scores[0] if scores else [0.0] * len(part)
            held = [
                (held_id, read_state(state))
                for held_id, score, state in zip(part, listed, states, strict=True)
                if score is not None and state is not None
            ]
            for batch in parts(held, lambda pair: pair[1].bytes):
                bodies = self._client.hmget(project_keys.held_body, [held_id for held_id, _ in batch])
                for (held_id, state), body in zip(batch, bodies, strict=True):
                    if body is not None:
                        yield read_dead_letter(project_id, held_id, state, body)


def _state_or_none(state: bytes) -> HeldState | None:
    try:
        return read_state(state)
    except ValueError:
        return None


def _readable(project_id: str, held_id: str, state: HeldState, body: bytes) -> Iterator[DeadLetter]:
    """Yield the dead letter, unless no worker has written its body."""
    try:
        dead_letter = read_dead_letter(project_id, held_id, state, body)
    except (ValueError, AttributeError, TypeError):
        return
    texts = (dead_letter.data_row, dead_letter.model, dead_letter.message_id or "", dead_letter.stage)
    if all(isinstance(text, str) for text in texts):
        yield dead_letter
