"""A publisher that was not told a Redis: the variable, then the running stack, then an error that says what to do."""

import asyncio
import logging
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from prelabel import AsyncPublisher, NoRedisUrl, Publisher
from prelabel.publishing.publisher import PublisherBase
from prelabel.stack_file import StackFile
from prelabel_worker.stack import stack_file

VARIABLE = "PRELABEL_REDIS_URL"


def use_sync(redis_url: str | None) -> PublisherBase:
    publisher = Publisher(redis_url)
    publisher.close()
    return publisher


def use_async(redis_url: str | None) -> PublisherBase:
    async def run() -> PublisherBase:
        publisher = AsyncPublisher(redis_url)
        await publisher.close()
        return publisher

    return asyncio.run(run())


Use = Callable[[str | None], PublisherBase]


@pytest.fixture(params=[use_sync, use_async])
def use(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Use:
    """Makes a publisher and closes it, in an empty folder and without the variable."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv(VARIABLE, raising=False)
    return request.param


def start_stack(pid: int = 0) -> None:
    stack_file.write(StackFile("redis://:s3cret@of-the-stack/0", "b", "l", "k", "s", pid or os.getpid()))


def host(publisher: PublisherBase) -> str:
    return publisher._core.settings.redis_url.hosts[0].name


def test_the_argument_then_the_variable_then_the_stack(use: Use, monkeypatch: pytest.MonkeyPatch) -> None:
    start_stack()
    assert host(use(None)) == "of-the-stack"

    monkeypatch.setenv(VARIABLE, "redis://of-the-variable/0")
    assert host(use(None)) == "of-the-variable"
    assert host(use("redis://of-the-argument/0")) == "of-the-argument"


def test_the_use_of_the_stack_is_logged_once_without_its_password(use: Use, caplog: pytest.LogCaptureFixture) -> None:
    start_stack()
    caplog.set_level(logging.INFO, "prelabel")

    use(None)
    use(None)

    (record,) = [each for each in caplog.records if each.name == "prelabel.publisher"]
    assert record.getMessage() == (
        f"publishing to the stack in {Path.cwd() / '.prelabel'}: neither redis_url nor {VARIABLE} was given"
    )


def test_without_any_redis_the_error_says_what_to_set_or_start(use: Use, tmp_path: Path) -> None:
    with pytest.raises(NoRedisUrl) as caught:
        use(None)

    assert str(caught.value) == (
        f"no Redis to publish to: no stack runs in {tmp_path} or above it. "
        f"Pass redis_url, set {VARIABLE}, or run `prelabel up` in this folder"
    )


def test_a_stack_that_has_ended_is_named(use: Use) -> None:
    start_stack(pid=2**22 + 1)  # above any process id of Linux

    with pytest.raises(NoRedisUrl, match=r"has ended: its process \d+ is gone.*`prelabel up`"):
        use(None)


def test_a_stack_that_others_can_reach_is_not_published_to(use: Use, tmp_path: Path) -> None:
    start_stack()
    (tmp_path / ".prelabel").chmod(0o755)

    with pytest.raises(NoRedisUrl, match=f"expected mode 0700, found 0755.*set {VARIABLE}"):
        use(None)


@pytest.mark.parametrize("named", ["", "localhost:6379", "http://localhost"])
def test_a_variable_that_holds_no_url_is_named(use: Use, monkeypatch: pytest.MonkeyPatch, named: str) -> None:
    start_stack()
    monkeypatch.setenv(VARIABLE, named)

    with pytest.raises(ValueError, match=f"^{VARIABLE}: "):
        use(None)
