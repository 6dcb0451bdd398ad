"""What is told, and when: every trouble once, its end once, a storm as one message, whatever the receiver does."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prelabel_worker.notify import watch
from prelabel_worker.notify.fact import TRAITS, Fact, Kind
from prelabel_worker.notify.watch import MAX_CHANGES, MAX_OPEN, State

PAUSED = Fact(Kind.PROJECT_PAUSED, "p", "project `p` is paused", {"cause": "operator"})
THROTTLED = Fact(Kind.ACCOUNT_STOPPED, "a", "account `a` is stopped")
NO_WORKER = Fact(Kind.NO_WORKER, "poll", "no worker with the role `poll` ticks")


def told(state: State) -> list[tuple[str, str, bool]]:
    return [(change.kind, change.subject, change.began) for change in state.changes]


def looked(*looks: tuple[float, list[Fact]], state: State | None = None) -> State:
    """Return the state after looks at these times."""
    state = state or State()
    for now, facts in looks:
        state = watch.observed(state, facts, now)
    return state


def test_a_trouble_is_told_once_for_as_long_as_it_holds() -> None:
    state = looked((1, [PAUSED]), (2, [PAUSED]), (3, [PAUSED]))

    assert told(state) == [("project-paused", "p", True)]
    assert state.changes[0].fields == {"cause": "operator"}


def test_its_end_is_told_once_when_it_has_been_gone_for_long_enough() -> None:
    state = looked((1, [PAUSED]), (10, []), (14, []))
    assert told(state) == [("project-paused", "p", True)]

    state = looked((15, []), (16, []), state=state)

    assert told(state) == [("project-paused", "p", True), ("project-paused", "p", False)]
    assert state.changes[1].text == "project `p` is not paused any more"
    assert state.open == {}


def test_a_trouble_that_comes_and_goes_is_one_trouble() -> None:
    looks = [(float(now), [THROTTLED] if now % 15 < 3 else []) for now in range(300)]

    assert told(looked(*looks)) == [("account-stopped", "a", True)]


def test_what_holds_only_for_a_moment_is_not_told_where_that_is_normal() -> None:
    assert told(looked((1, [NO_WORKER]), (2.5, []), (30, []))) == []
    assert told(looked((1, [NO_WORKER]), (3.5, [NO_WORKER]))) == [("no-worker", "poll", True)]


def test_the_end_of_a_lost_worker_is_no_news() -> None:
    lost = Fact(Kind.WORKER_LOST, "w", "worker `w` has not ticked")

    assert told(looked((1, [lost]), (4, [lost]), (60, []), (90, []))) == [("worker-lost", "w", True)]


def test_what_a_newer_release_told_is_left_alone() -> None:
    state = looked((1, []), (100, []), state=State(open={"of-tomorrow:x": watch.OpenFact(since=0, told=True)}))

    assert told(state) == []
    assert list(state.open) == ["of-tomorrow:x"]


def test_a_restart_repeats_nothing() -> None:
    state = looked((1, [PAUSED, THROTTLED]))
    message = watch.outgoing(state, 1)
    assert message is not None
    state = watch.restored(watch.kept(watch.delivered(state, message, 1)))

    state = looked((2, [PAUSED, THROTTLED]), (3, [PAUSED, THROTTLED]), state=state)

    assert watch.outgoing(state, 3) is None


@pytest.mark.parametrize("text", [b"", b"{", b"[]", b'{"open": 3}', b"\xff"])
def test_a_stored_state_that_cannot_be_read_is_an_empty_one(text: bytes) -> None:
    assert watch.restored(text) == State()


def many(number: int) -> list[Fact]:
    return [Fact(Kind.PROJECT_PAUSED, f"p{at:05}", f"project p{at} is paused") for at in range(number)]


def test_a_storm_is_one_message_that_counts_what_it_does_not_name() -> None:
    state = looked((1, many(300)))

    message = watch.outgoing(state, 1)

    assert message is not None
    assert len(message.changes) + message.uncounted == 300
    assert len(message.changes) == MAX_CHANGES
    state = watch.delivered(state, message, 1)
    assert watch.outgoing(state, 2) is None


def test_the_state_stays_bounded_and_says_that_there_is_more() -> None:
    state = looked((1, many(MAX_OPEN + 700)))

    assert len(state.open) == MAX_OPEN + 1
    assert "more:" in state.open
    kept = looked((2, many(MAX_OPEN + 900)), (100, many(MAX_OPEN + 900)), state=state)
    assert kept.open.keys() == state.open.keys(), "those that were told stay, so nothing else begins or ends"


def test_messages_are_bounded_in_a_minute_and_the_rest_comes_together() -> None:
    state, sent = State(), []
    for now in range(60):
        state = watch.observed(state, many(now + 1), now)
        message = watch.outgoing(state, now)
        if message:
            sent.append(len(message.changes))
            state = watch.delivered(state, message, now)

    assert sent == [1] * watch.MESSAGES_PER_WINDOW
    message = watch.outgoing(state, 61)
    assert message is not None
    assert len(message.changes) == 60 - watch.MESSAGES_PER_WINDOW


def test_changes_that_come_while_a_message_is_on_its_way_stay_for_the_next() -> None:
    state = looked((1, [PAUSED]))
    message = watch.outgoing(state, 1)
    assert message is not None
    state = looked((2, [PAUSED, THROTTLED]), state=state)

    state = watch.delivered(state, message, 2)

    assert told(state) == [("account-stopped", "a", True)]


def test_a_late_answer_removes_nothing_that_another_process_has_to_tell() -> None:
    message = watch.outgoing(looked((1, [PAUSED])), 1)
    assert message is not None
    of_the_other = looked((2, [THROTTLED]))

    assert told(watch.delivered(of_the_other, message, 3)) == [("account-stopped", "a", True)]


def test_attempts_wait_longer_each_time_and_at_least_as_long_as_the_receiver_asks() -> None:
    state = looked((0, [PAUSED]))
    waits = []
    for _ in range(12):
        state = watch.failed(state, 0, jitter=1.0)
        waits.append(state.retry_at)

    assert waits[:5] == [1, 2, 4, 8, 16]
    assert waits[-1] == watch.MAX_BACKOFF_SECONDS
    assert watch.outgoing(state, waits[-1] - 1) is None
    assert watch.outgoing(state, waits[-1]) is not None
    assert watch.failed(State(), 0, jitter=0, least_seconds=30).retry_at == 30
    assert watch.failed(State(), 0, jitter=0, least_seconds=1e9).retry_at == watch.MAX_BACKOFF_SECONDS


ALL = [Fact(kind, subject, "") for kind in Kind for subject in "ab" if kind is not Kind.MORE]
FACTS = st.lists(st.sampled_from(ALL), unique_by=lambda fact: fact.key)
STEPS = st.lists(st.tuples(st.sampled_from([0.0, 0.5, 1.0, 7.0, 25.0, 40.0]), FACTS, st.sampled_from(["", "ok", "no"])))


@given(STEPS)
def test_beginnings_and_ends_alternate_and_none_is_lost_or_repeated(steps: list[tuple[float, list[Fact], str]]) -> None:
    """Whatever comes and goes, and whether messages arrive: what the receiver gets is a possible history."""
    state, now, received = State(), 100.0, []
    for wait, facts, answer in [*steps, (1000.0, [], "ok"), (1000.0, [], "ok")]:
        now += wait
        state = watch.restored(watch.kept(watch.observed(state, facts, now)))
        message = watch.outgoing(state, now)
        if message and answer == "ok":
            received += message.changes
            state = watch.delivered(state, message, now)
        elif message and answer == "no":
            state = watch.failed(state, now, jitter=0.5)

    assert state.open == {}
    assert state.changes == ()
    for key in {(change.kind, change.subject) for change in received}:
        of_key = [change.began for change in received if (change.kind, change.subject) == key]
        if TRAITS[Kind(key[0])].ended is None:
            assert all(of_key)
        else:
            assert of_key == [True, False] * (len(of_key) // 2)


@given(STEPS)
def test_what_holds_at_the_end_is_told_and_has_not_been_told_to_be_over(
    steps: list[tuple[float, list[Fact], str]],
) -> None:
    state, now = State(), 100.0
    for wait, facts, _ in steps:
        now += wait
        state = watch.observed(state, facts, now)
    last = steps[-1][1] if steps else []
    state = watch.observed(state, last, now + 10)

    for fact in last:
        *_, newest = [change for change in state.changes if (change.kind, change.subject) == (fact.kind, fact.subject)]
        assert newest.began
