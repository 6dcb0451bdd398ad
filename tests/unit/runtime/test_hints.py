"""Which hints are sent, and which one a task keeps for itself."""

import threading
from contextlib import suppress

import pytest

from prelabel_worker.runtime.hints import Hints

SUBMITTING = ("group", "submit")


@pytest.fixture
def sent() -> list[tuple[str, ...]]:
    return []


@pytest.fixture
def hints(sent: list[tuple[str, ...]]) -> Hints:
    return Hints(lambda *names: sent.append(names))


def test_a_hint_outside_a_task_is_sent(hints: Hints, sent: list[tuple[str, ...]]) -> None:
    hints.hint("submit", "p", "c1")
    hints.hint("group", "p", "")
    assert sent == [("submit", "p", "c1"), ("group", "p")]


def test_a_task_keeps_its_last_hint_and_sends_the_others_at_once(hints: Hints, sent: list[tuple[str, ...]]) -> None:
    with hints.keeping(SUBMITTING) as kept:
        hints.hint("submit", "p", "c1")
        hints.hint("submit", "p", "c2")
        assert sent == [("submit", "p", "c1")]
    assert kept == [["submit", "p", "c2"]]
    assert sent == [("submit", "p", "c1")]


def test_a_hint_for_another_role_is_sent(hints: Hints, sent: list[tuple[str, ...]]) -> None:
    with hints.keeping(SUBMITTING) as kept:
        hints.hint("settle", "p", "c1")
    assert (kept, sent) == ([], [("settle", "p", "c1")])


def test_what_follows_the_kept_hint_is_sent(hints: Hints, sent: list[tuple[str, ...]]) -> None:
    """Otherwise one project could occupy a worker for ever."""
    with hints.keeping(SUBMITTING):
        hints.hint("group", "p", "")
    hints.hint("submit", "p", "c1")
    assert sent == [("submit", "p", "c1")]


def test_a_task_that_fails_keeps_nothing_for_the_next(hints: Hints, sent: list[tuple[str, ...]]) -> None:
    with suppress(ValueError), hints.keeping(SUBMITTING):
        hints.hint("group", "p", "")
        raise ValueError
    with hints.keeping(SUBMITTING) as kept:
        pass
    assert (kept, sent) == ([], [])


def test_a_hint_of_another_thread_is_not_kept(hints: Hints, sent: list[tuple[str, ...]]) -> None:
    with hints.keeping(SUBMITTING) as kept:
        other = threading.Thread(target=hints.hint, args=("group", "q", ""))
        other.start()
        other.join()
    assert (kept, sent) == ([], [("group", "q")])
