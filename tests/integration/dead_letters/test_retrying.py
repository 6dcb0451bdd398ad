"""Rows whose reason may pass with time: retried at growing intervals, then dead, unless superseded or given up."""

import itertools

import orjson
import pytest

from prelabel_worker.chunks.rows import RowOutcome
from prelabel_worker.rendering.identity import row_key
from tests.support.project import Project, message
from tests.support.retrying import not_found, retry_for

HOUR_MS = 3_600_000


def delays(project: Project) -> list[float]:
    """Return how long each retrying row waits from now, in ms, by arrival number."""
    found = dict(project.client.zrange(f"{project.root}:retrying", 0, -1, withscores=True))
    return [found[name] - project.held.now_ms() for name in sorted(found, key=int)]


def test_a_retrying_row_is_pending_and_waits_some_seconds_for_its_first_try(project: Project) -> None:
    project.publish(message("a"))
    not_found(project)

    status = project.status()
    assert (status.pending, status.retrying, status.dead) == (1, 1, 0)
    (delay,) = delays(project)
    assert 2_750 < delay <= 6_250
    assert status.next_retry_at is not None
    assert project.held.retry_due("p") == 0


@pytest.mark.parametrize("hours", [0.1, 0.5, 3, 20])
def test_a_retrying_row_waits_as_long_as_it_has_been_retrying_and_an_hour_at_most(
    project: Project, hours: float
) -> None:
    project.publish(message("a"))
    not_found(project)
    project.held.retry_now("p")

    not_found(project, since_ms=int(hours * HOUR_MS))

    (delay,) = delays(project)
    expected = min(hours, 1) * HOUR_MS
    assert 0.75 * expected - 1_000 < delay < 1.25 * expected + 1_000


def test_the_last_try_is_at_the_horizon_and_beyond_it_the_row_is_a_dead_letter(project: Project) -> None:
    project.publish(message("a"))
    not_found(project)
    project.held.retry_now("p")
    not_found(project, since_ms=24 * HOUR_MS - 60_000)
    (delay,) = delays(project)
    assert 50_000 < delay <= 60_000
    project.held.retry_now("p")

    not_found(project, since_ms=60_000)

    status = project.status()
    assert (status.pending, status.retrying, status.dead) == (0, 0, 1)
    (dead_letter,) = project.held.dead_letters("p")
    assert (dead_letter.reason, dead_letter.attempts) == ("data-row-not-found", 3)


def test_a_retried_dead_letter_is_retrying_anew(project: Project) -> None:
    project.publish(message("a"))
    not_found(project)
    project.held.retry_now("p")
    not_found(project, since_ms=24 * HOUR_MS)
    (dead_letter,) = project.held.dead_letters("p")
    project.held.retry("p", [dead_letter.id])

    not_found(project)

    assert project.status().retrying == 1


def test_an_override_of_0_hours_makes_dead_letters_at_once_and_default_retries_again(project: Project) -> None:
    retry_for(project, "0")
    project.publish(message("a"))
    not_found(project)
    assert (project.status().dead, project.status().retrying) == (1, 0)

    retry_for(project, "")
    project.publish(message("b"))
    not_found(project)

    assert (project.status().dead, project.status().retrying) == (1, 1)


def test_rows_that_are_held_together_come_back_spread_over_half_their_delay(project: Project) -> None:
    project.publish(*(message(f"row-{n}") for n in range(200)))
    while project.status().waiting:
        not_found(project)

    waits = sorted(delays(project))

    assert len(waits) == 200
    gaps = [right - left for left, right in itertools.pairwise(waits)]
    assert waits[-1] - waits[0] > 2_000
    assert max(gaps) < 250


def test_a_task_takes_up_no_more_than_some_hundred_rows(project: Project) -> None:
    project.publish(*(message(f"row-{n}") for n in range(450)))
    while project.status().waiting:
        not_found(project)
    project.client.zadd(
        f"{project.root}:retrying", {name: 1 for name, _ in project.client.zscan_iter(f"{project.root}:retrying")}
    )

    assert [project.held.retry_due("p") for _ in range(4)] == [200, 200, 50, 0]


def test_a_retrying_row_keeps_its_number_and_goes_behind_what_waits(project: Project) -> None:
    project.publish(message("a"))
    not_found(project)
    project.publish(message("a"))

    assert project.held.retry_now("p") == 1

    chunk = project.take(project.cut())
    assert [row.seq for row in project.rows(chunk)] == [2, 1]


def test_a_row_that_was_superseded_while_it_was_retrying_never_reaches_a_lane(project: Project) -> None:
    project.publish(message("a"))
    not_found(project)
    project.publish(message("a"))
    chunk = project.take(project.cut())

    project.settle(chunk, imported=1, superseding=[(row_key("k:a", "m"), 2)])

    status = project.status()
    assert (status.imported, status.superseded, status.retrying, status.pending) == (1, 1, 0, 0)
    assert project.held.retry_now("p") == 0


def test_a_row_that_was_superseded_on_its_way_back_is_not_retried_again(project: Project) -> None:
    project.publish(message("a"))
    not_found(project)
    project.held.retry_now("p")
    project.client.hset(f"{project.root}:held", "1", _superseded(project))

    not_found(project)

    assert (project.status().superseded, project.status().pending) == (1, 0)


def _superseded(project: Project) -> bytes:
    return orjson.dumps({**orjson.loads(project.client.hget(f"{project.root}:held", "1")), "superseded": True})


def test_an_older_row_does_not_supersede_a_retrying_one(project: Project) -> None:
    project.kill("a")
    project.publish(message("a"))
    not_found(project)
    project.held.retry("p", ["1"])
    chunk = project.take(project.cut())

    cleared = RowOutcome("cleared", 0, 1, "1")
    project.settle(chunk, imported=1, outcomes=[cleared], superseding=[(row_key("k:a", "m"), 1)])

    assert (project.status().imported, project.status().retrying) == (1, 1)


def test_retrying_rows_that_are_given_up_are_dead_letters_that_can_be_discarded(project: Project) -> None:
    project.publish(message("a"), message("b"))
    while project.status().waiting:
        not_found(project)

    assert project.held.give_up("p") == (2, 0)

    assert project.status().dead_reasons == {"data-row-not-found": 2}
    ids = [dead_letter.id for dead_letter in project.held.dead_letters("p")]
    assert project.held.discard("p", ids).done == 2
    assert (project.status().discarded, project.status().pending) == (2, 0)


def test_no_frame_waits_for_a_retrying_row(project: Project) -> None:
    project.publish(message("a"))
    not_found(project)

    assert not project.client.exists(f"{project.root}:frames")
