"""When a publisher tries Redis again, and what it logs meanwhile."""

from prelabel.publishing.retry import Failure, RedisHealth, Retry


def failure(
    words: str = "does not answer", *, is_away: bool = False, is_full: bool = False, remedy: str | None = None
) -> Failure:
    return Failure(is_away, is_full, too_much=False, words=words, remedy=remedy)


def test_waits_grow_to_a_second_and_start_again_after_a_success() -> None:
    retry, waits = Retry(), []
    for _ in range(5):
        retry.failed(now=10.0)
        waits.append(round(retry.not_before - 10.0, 3))
    retry.succeeded()
    assert retry.not_before == 0.0
    retry.failed(now=10.0)

    assert waits == [0.1, 0.2, 0.5, 1.0, 1.0]
    assert round(retry.not_before - 10.0, 3) == 0.1
    assert retry.failures == 6


def test_all_projects_wait_while_redis_is_unreachable_until_it_answers() -> None:
    health = RedisHealth()
    health.failed(failure(is_away=True, remedy="check the password"), now=5.0)
    assert (health.is_away, health.retry.not_before, health.refusals) == (True, 5.1, 1)
    assert health.cause == "does not answer; check the password"

    health.answered()

    assert (health.is_away, health.retry.not_before, health.cause) == (False, 0.0, "")


def test_an_inbox_that_is_full_shows_that_redis_is_there() -> None:
    health = RedisHealth()
    health.failed(failure(is_away=True), now=5.0)

    health.failed(failure("100 rows wait", is_full=True), now=6.0)

    assert (health.is_away, health.retry.not_before, health.cause) == (False, 0.0, "100 rows wait")


def test_an_error_of_one_project_says_nothing_about_redis() -> None:
    health = RedisHealth()
    health.failed(failure(is_away=True), now=5.0)

    health.failed(failure("WRONGTYPE"), now=6.0)

    assert health.is_away
    assert health.retry.failures_in_a_row == 1
