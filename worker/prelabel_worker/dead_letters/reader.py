"""Held rows, read: a dead letter, those a filter means and their groups; rows that are pending. Nothing here writes."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import islice

from prelabel.wire import keys
from prelabel.wire.client import Client
from prelabel_worker.chunks.held_state import HeldState, read_state
from prelabel_worker.dead_letters.batches import SLICE, parts
from prelabel_worker.dead_letters.filter import DeadLetterFilter
from prelabel_worker.dead_letters.letter import DeadLetter, DeadLetterGroup, read_dead_letter
from prelabel_worker.rendering.identity import row_key


class HeldReader:
    """Reads the dead letters of all projects behind one Redis."""

    def __init__(self, client: Client, key_prefix: str = keys.DEFAULT_PREFIX) -> None:
        self._client = client
        self._prefix = key_prefix

    def dead_letter(self, project_id: str, dead_letter_id: str) -> DeadLetter | None:
        """One dead letter, or None when there is none of this id (any more)."""
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
        """The newest dead letters that match, newest first."""
        chosen = DeadLetterFilter(reason=reason, message_id=message_id)
        return list(islice(self.choose(project_id, chosen), limit))

    def choose(self, project_id: str, chosen: DeadLetterFilter) -> Iterator[DeadLetter]:
        """The dead letters a filter means, newest first; read in slices, so a million cost no memory."""
        for part, _ in self._candidates(self._keys(project_id), chosen):
            yield from (dead_letter for dead_letter in self._read(project_id, part) if chosen.accepts(dead_letter))

    def slices(self, project_id: str, chosen: DeadLetterFilter) -> Iterator[list[str]]:
        """Their ids, some hundred at a time; no dead letter is read when an index answers the filter alone.

        Ids that the filter names itself, and nothing else, are answered whether there are such dead letters or not.
        """
        for part, answered in self._candidates(self._keys(project_id), chosen):
            names = part
            if not answered:
                names = [dead_letter.id for dead_letter in self._read(project_id, part) if chosen.accepts(dead_letter)]
            if names:
                yield names

    def groups(self, project_id: str, most: int = 100) -> list[DeadLetterGroup]:
        """The largest groups, from the counts and one dead letter of each: dead letters are not walked."""
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
        names = [samples[group].decode() for group, _ in largest if group in samples]
        # Without their messages, which may have megabytes each.
        dead_letters = {
            dead_letter.group: replace(dead_letter, message=b"") for dead_letter in self._read(project_id, names)
        }
        found = []
        for at, (name, rows) in enumerate(largest):
            first, last, sample = ends[2 * at], ends[2 * at + 1], dead_letters.get(name.decode())
            if first and last and sample is not None:
                found.append(
                    DeadLetterGroup(project_id, sample.group, int(rows), first[0][1] / 1000, last[0][1] / 1000, sample)
                )
        return found

    def pending(self, project_id: str) -> list[str]:
        """Ids of the held rows that count as pending, all as of one moment.

        First those that are being tried, then those that are retrying, the next first.
        """
        project_keys = self._keys(project_id)
        with self._client.pipeline(transaction=True) as pipeline:
            for index in (project_keys.retrying_queued, project_keys.dead_queued, project_keys.retrying):
                pipeline.zrange(index, 0, -1)
            queued, dead_letters, retrying = pipeline.execute()
        return [name.decode() for name in (*queued, *dead_letters, *retrying)]

    def being_tried(self, project_id: str, most: int) -> list[str]:
        """Ids of at most `most` retrying rows, and as many dead letters, that are being tried; the oldest first."""
        project_keys = self._keys(project_id)
        indexes = (project_keys.retrying_queued, project_keys.dead_queued)
        names = [self._client.zrange(index, 0, most - 1) for index in indexes]
        return [name.decode() for part in names for name in part]

    def rows(self, project_id: str, held_ids: Sequence[str]) -> Iterator[DeadLetter]:
        """Those of these rows that are held (still), whether they are dead, retrying or are being tried."""
        return self._read(project_id, held_ids, dead=False)

    def states(self, project_id: str, held_ids: Sequence[str]) -> dict[str, HeldState]:
        """The states of those of these held rows, dead or retrying or on their way back, that are there (still)."""
        known: dict[str, HeldState] = {}
        for start in range(0, len(held_ids), SLICE):
            part = held_ids[start : start + SLICE]
            states = self._client.hmget(self._keys(project_id).held, part)
            known |= {name: read_state(state) for name, state in zip(part, states, strict=True) if state}
        return known

    def count_dead(self, project_id: str, dead_letter_ids: Sequence[str]) -> int:
        """How many of these, some hundred, are dead letters."""
        scores = self._client.zmscore(self._keys(project_id).dead, dead_letter_ids)
        return sum(score is not None for score in scores)

    def now_ms(self) -> int:
        """Redis's clock, by which dead letters die."""
        seconds, micros = self._client.time()
        return int(seconds) * 1000 + int(micros) // 1000

    def lanes(self, project_id: str) -> int:
        """The project's count of lanes; never changed once set."""
        return int(self._client.hget(self._keys(project_id).meta, "lanes") or 1)

    def _keys(self, project_id: str) -> keys.ProjectKeys:
        return keys.ProjectKeys(self._prefix, project_id)

    def _candidates(self, project_keys: keys.ProjectKeys, chosen: DeadLetterFilter) -> Iterator[tuple[list[str], bool]]:
        """Slices of ids from the narrowest index, and whether that index answers the whole filter."""
        if names := self._by_name(project_keys, chosen):
            found, alone = names
            for at in range(0, len(found), SLICE):
                yield found[at : at + SLICE], alone
            return
        key, alone = project_keys.dead, True
        if chosen.group:
            key, alone = project_keys.dead_group(chosen.group), not chosen.reason
        elif chosen.reason:
            key = project_keys.dead_reason(chosen.reason)
        for part in self._walk(key, *chosen.range):
            yield part, alone and chosen.model is None and chosen.data_row is None

    def _by_name(self, project_keys: keys.ProjectKeys, chosen: DeadLetterFilter) -> tuple[list[str], bool] | None:
        """The few dead letters that ids, a message id, or a data row with its model name; None: it takes a walk."""
        if chosen.ids:
            return list(dict.fromkeys(chosen.ids)), chosen == DeadLetterFilter(ids=chosen.ids)
        if chosen.message_id is not None:
            found = self._client.hget(project_keys.dead_messages, chosen.message_id)
            return [found.decode()] if found else [], False
        if chosen.data_row is not None and chosen.model is not None:
            rows = [row_key(key, chosen.model) for key in chosen.data_row_keys]
            held = self._client.hmget(project_keys.held_rows, rows)
            return [name for names in held if names for name in reversed(names.decode().split())], False
        return None

    def _walk(self, key: str, highest: str | float, lowest: str | float) -> Iterator[list[str]]:
        """Down by score from the last one seen: dead letters that are retried meanwhile shift no page."""
        seen: set[bytes] = set()
        while True:
            page = self._client.zrevrangebyscore(key, highest, lowest, 0, SLICE + len(seen), withscores=True)
            fresh = [(name, score) for name, score in page if name not in seen][:SLICE]
            if not fresh:
                return
            yield [name.decode() for name, _ in fresh]
            last = fresh[-1][1]
            seen = {name for name, score in fresh if score == last} | (seen if last == highest else set())
            highest = last

    def _read(self, project_id: str, held_ids: Sequence[str], *, dead: bool = True) -> Iterator[DeadLetter]:
        """Read those of the ids that are held, with `dead` as dead letters; in order, some megabytes at a time."""
        for start in range(0, len(held_ids), SLICE):
            part, project_keys = held_ids[start : start + SLICE], self._keys(project_id)
            with self._client.pipeline(transaction=True) as pipeline:
                pipeline.hmget(project_keys.held, part)
                if dead:
                    pipeline.zmscore(project_keys.dead, part)
                states, *scores = pipeline.execute()
            listed = scores[0] if scores else [0.0] * len(part)
            held = [
                (name, read_state(state))
                for name, score, state in zip(part, listed, states, strict=True)
                if score is not None and state is not None
            ]
            for some in parts(held, lambda pair: pair[1].bytes):
                bodies = self._client.hmget(project_keys.held_body, [name for name, _ in some])
                for (name, state), body in zip(some, bodies, strict=True):
                    if body is not None:
                        yield read_dead_letter(project_id, name, state, body)
