"""Any order of holding, retrying, superseding, retrying, editing, discarding: every index agrees, the sum balances."""

import itertools
from collections.abc import Callable, Iterable

import orjson
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from prelabel_worker.chunks.chunk import Chunk
from prelabel_worker.chunks.held_rows import Origin, facts_of, held_frame
from prelabel_worker.chunks.rows import RowOutcome, Unreadable
from prelabel_worker.dead_letters.filter import DeadLetterFilter
from prelabel_worker.operations.projects import Projects
from tests.support.dead_letters import check_indexes, kill, new_message, real_message
from tests.support.project import Project

KEYS = st.sampled_from(["a", "b", "c"])
MODELS = st.sampled_from(["x", "y"])
MESSAGE_IDS = st.sampled_from(["1", "2", "3", "4"])
CHOICES = st.lists(
    st.sampled_from(["imported", "refused", "unknown-feature", "retry", "retrying", "superseded"]),
    min_size=1,
    max_size=9,
)
PICK = st.integers(0, 20)
DAY_MS = 86_400_000
HOUR_MS = 3_600_000


class HeldRowsMachine(RuleBasedStateMachine):
    """One project, whose chunks are settled with outcomes that hypothesis chooses."""

    project: Project
    chunks: list[Chunk]
    renewed: set[str]

    def dead_letter(self, pick: int) -> str | None:
        ids = [name for part in self.project.held.slices("p", DeadLetterFilter()) for name in part]
        return sorted(ids)[pick % len(ids)] if ids else None

    @initialize()
    def begin_with_dead_letters(self) -> None:
        for key in ("a", "b"):
            kill(self.project, real_message(key, model="x", message_id=key))

    @rule(key=KEYS, model=MODELS, message_id=MESSAGE_IDS)
    def publish(self, key: str, model: str, message_id: str) -> None:
        self.project.publish(real_message(key, model=model, message_id=message_id))

    @rule()
    def publish_a_frame_that_breaks(self) -> None:
        root, client = self.project.root, self.project.client
        before = set(client.hkeys(f"{root}:frames"))
        self.project.publish(real_message("same"), real_message("same"))
        for name in set(client.hkeys(f"{root}:frames")) - before:
            client.hset(f"{root}:frames", name, b"")

    @precondition(lambda self: not self.chunks)
    @rule(choices=CHOICES)
    def set_aside(self, choices: list[str]) -> None:
        """A chunk begins: some rows are not sent, and the others wait for an attempt."""
        if chunk_id := self.project.ledger.cut_chunk("p"):
            chunk = self.project.take(chunk_id)
            wanted = ("imported" if choice.startswith("retry") else choice for choice in choices)
            outcomes, _, _ = self.outcomes(chunk, wanted)
            unsent = [each for each in outcomes if each.name != "cleared"]
            self.chunks = [self.project.ledger.set_aside(chunk, unsent)]

    @precondition(lambda self: len(self.chunks) == 1 and self.chunks[0].rows > 1)
    @rule()
    def split(self) -> None:
        children = self.project.ledger.split(self.chunks[0])
        self.chunks = [self.project.take(child) for child in children]

    @precondition(lambda self: self.chunks)
    @rule(choices=CHOICES)
    def settle(self, choices: list[str]) -> None:
        chunk = self.chunks.pop()
        outcomes, superseding, imported = self.outcomes(chunk, choices)
        self.project.settle(chunk, imported=imported, outcomes=outcomes, superseding=superseding)

    def outcomes(self, chunk: Chunk, choices: Iterable[str]) -> tuple[list[RowOutcome], list[tuple[str, int]], int]:
        outcomes, superseding, imported = [], [], 0
        for row, choice in zip(self.project.reader.rows(chunk), itertools.cycle(choices), strict=False):
            if isinstance(row, Unreadable):
                outcomes.append(held_frame(row, Origin("submit", chunk.id)))
            elif row.superseded or choice == "superseded":
                outcomes.append(RowOutcome("superseded", row.index, 1, row.held_id))
            elif choice == "imported":
                imported += 1
                superseding.append((facts_of(row.raw).row_key, row.seq))
                if row.held_id:
                    outcomes.append(RowOutcome("cleared", row.index, 1, row.held_id))
            elif choice == "retry":
                outcomes.append(self.project.holding(row, retry_in_ms=0))
            elif choice == "retrying":
                outcomes.append(self.project.holding(row, reason="data-row-not-found", retrying=True))
            else:
                outcomes.append(self.project.holding(row, reason=choice))
        return outcomes, superseding, imported

    @rule(pick=PICK, as_new=st.booleans())
    def retry(self, pick: int, as_new: bool) -> None:
        if dead_letter_id := self.dead_letter(pick):
            if as_new:
                self.renewed.add(dead_letter_id)
            assert self.project.held.retry("p", [dead_letter_id], as_new=as_new).done == 1

    @rule()
    def retry_due(self) -> None:
        self.project.held.retry_due("p")

    @rule()
    def retry_now(self) -> None:
        retrying, queued = self.retrying()
        assert self.project.held.retry_now("p") == retrying + queued
        assert self.retrying()[0] == 0

    @rule()
    def give_up(self) -> None:
        retrying = self.retrying()
        assert self.project.held.give_up("p") == retrying
        assert self.retrying() == (0, 0)

    @rule(reason=st.sampled_from(["refused", "data-row-not-found"]))
    def try_dead_letters_once_more(self, reason: str) -> None:
        self.project.held.try_dead_letters_once_more("p", reason)

    def retrying(self) -> tuple[int, int]:
        """Rows that are retrying at rest, and that are being tried."""
        root, client = self.project.root, self.project.client
        return client.zcard(f"{root}:retrying"), client.zcard(f"{root}:retrying:queued")

    @rule(hours=st.sampled_from(["", "0", "0.001"]))
    def set_the_horizon(self, hours: str) -> None:
        Projects(self.project.client, self.project.settings.key_prefix).override("p", {"retryHours": hours})

    @rule(hours=st.sampled_from([1, 24]))
    def time_goes_by(self, hours: int) -> None:
        """For what has begun retrying, on its way or not."""
        root, client = self.project.root, self.project.client
        for name, data in client.hgetall(f"{root}:held").items():
            state = orjson.loads(data)
            if state.get("since"):
                state["since"] -= hours * HOUR_MS
                client.hset(f"{root}:held", name, orjson.dumps(state))

    @invariant()
    def a_row_that_is_pending_is_listed_once(self) -> None:
        root, client = self.project.root, self.project.client
        states = {name.decode(): orjson.loads(state) for name, state in client.hgetall(f"{root}:held").items()}
        pending = [name for name, state in states.items() if state.get("queued") or state.get("due")]
        assert sorted(self.project.held.pending("p")) == sorted(pending)
        assert {row.id for row in self.project.held.rows("p", list(states))} == states.keys()

    @invariant()
    def no_row_is_retrying_that_a_newer_one_has_superseded(self) -> None:
        root, client = self.project.root, self.project.client
        for name, data in client.hgetall(f"{root}:held").items():
            state = orjson.loads(data)
            number = name.decode()
            assert not (state.get("superseded") and state.get("due") and not state.get("queued")), number

    @invariant()
    def a_held_row_keeps_its_number_unless_it_is_retried_as_new(self) -> None:
        states = self.project.client.hgetall(f"{self.project.root}:held")
        for name, data in states.items():
            state, number = orjson.loads(data), name.decode()
            assert number.startswith("f") or state["seq"] == int(number) or number in self.renewed

    @rule(pick=PICK, key=KEYS, model=MODELS, message_id=MESSAGE_IDS, then=st.sampled_from(["keep", "old", "new"]))
    def edit(self, pick: int, key: str, model: str, message_id: str, then: str) -> None:
        dead_letter_id = self.dead_letter(pick)
        if dead_letter_id and not dead_letter_id.startswith("f"):
            row = real_message(key, name="car", model=model, message_id=message_id)
            edited_message = new_message(self.project, dead_letter_id, row)
            if then == "new":
                self.renewed.add(dead_letter_id)
            assert self.project.held.edit("p", [edited_message], then).done == 1  # type: ignore[arg-type]

    @rule(pick=PICK)
    def discard(self, pick: int) -> None:
        if dead_letter_id := self.dead_letter(pick):
            assert self.project.held.discard("p", [dead_letter_id]).done == 1

    @rule(pick=PICK)
    def expire(self, pick: int) -> None:
        if dead_letter_id := self.dead_letter(pick):
            self.project.client.zincrby(f"{self.project.root}:dead", -100 * DAY_MS, dead_letter_id)
        self.project.held.expire("p", 90)
        assert dead_letter_id is None or self.project.held.dead_letter("p", dead_letter_id) is None

    @invariant()
    def every_index_agrees(self) -> None:
        if self.project.client.exists(f"{self.project.root}:meta"):
            check_indexes(self.project)


def test_indexes_agree_and_the_sum_balances_after_any_history(
    make_project: Callable[..., Project], prefix: str
) -> None:
    numbers = itertools.count()

    class Machine(HeldRowsMachine):
        def __init__(self) -> None:
            super().__init__()
            self.chunks = []
            self.renewed = set()
            self.project = make_project(key_prefix=f"{prefix}-{next(numbers)}")

        def teardown(self) -> None:
            names = list(self.project.client.scan_iter(f"{self.project.settings.key_prefix}:*", count=1000))
            if names:
                self.project.client.delete(*names)

    run_state_machine_as_test(  # type: ignore[no-untyped-call]
        Machine,
        settings=settings(
            max_examples=80, stateful_step_count=30, deadline=None, suppress_health_check=list(HealthCheck)
        ),
    )
