"""The duty with a real Redis and a real receiver: once each, whoever holds the lease, whatever the receiver does."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import redis
import structlog

from prelabel.wire.client import open_client
from prelabel_worker.notify.duty import Duty, duty_of
from prelabel_worker.notify.store import Store
from prelabel_worker.notify.watch import State
from prelabel_worker.operations.projects import Projects
from prelabel_worker.settings import load_settings
from tests.support.project import Project, message
from tests.support.receiver import Receiver
from tests.support.redis_server import start_redis
from tests.support.waiting import wait_for


@pytest.fixture
def project(make_project: Callable[..., Project], receiver: Receiver) -> Project:
    found = make_project(notify_url=receiver.url, console_url="https://console.example/")
    found.publish(message("a"))
    return found


@pytest.fixture
def start(project: Project) -> Iterator[Callable[[], Duty]]:
    """Return a function that starts a process's duty; they are stopped at the end."""
    started: list[Duty] = []

    def run() -> Duty:
        duty = duty_of(project.settings, lambda: open_client(project.settings.state, 5.0))
        assert duty is not None
        duty.start()
        started.append(duty)
        return duty

    yield run
    for duty in started:
        duty.stop()
        wait_for(lambda duty=duty: not duty.runs, "the duty to end")


def test_without_a_receiver_there_is_no_duty(make_project: Callable[..., Project], client: "redis.Redis") -> None:
    assert duty_of(make_project().settings, lambda: client) is None


def test_a_trouble_and_its_end_are_received_once_each(
    project: Project, receiver: Receiver, start: Callable[[], Duty]
) -> None:
    start()
    project.pauses.pause_project("p", "a test")
    wait_for(lambda: receiver.told("project-paused", "p"), "the pause to be told")

    Projects(project.client, project.settings.key_prefix).resume("p")
    wait_for(lambda: len(receiver.told("project-paused", "p")) > 1, "the end of the pause to be told")

    assert receiver.told("project-paused", "p") == ["began", "ended"]
    links = {change["link"] for change in receiver.changes() if change["kind"] == "project-paused"}
    assert links == {"https://console.example/projects/p"}


def test_several_processes_tell_as_one_and_the_next_continues(
    project: Project, receiver: Receiver, start: Callable[[], Duty]
) -> None:
    first, _, _ = start(), start(), start()
    project.pauses.pause_project("p", "a test")
    wait_for(lambda: receiver.told("project-paused", "p"), "the pause to be told")
    first.stop()
    wait_for(lambda: not first.runs, "the first process to end")

    Projects(project.client, project.settings.key_prefix).resume("p")
    wait_for(lambda: len(receiver.told("project-paused", "p")) > 1, "the end of the pause to be told")

    assert receiver.told("project-paused", "p") == ["began", "ended"]


def test_a_receiver_that_refuses_gets_the_message_again_later(
    project: Project, receiver: Receiver, start: Callable[[], Duty]
) -> None:
    receiver.status = 503
    start()
    project.pauses.pause_project("p", "a test")
    wait_for(lambda: len(receiver.requests) > 1, "a second attempt")

    receiver.status = 200
    wait_for(lambda: receiver.told("project-paused", "p"), "the pause to be told")

    assert receiver.told("project-paused", "p") == ["began"]


def test_a_slow_receiver_holds_up_neither_the_look_nor_the_lease(
    project: Project, receiver: Receiver, start: Callable[[], Duty]
) -> None:
    receiver.free.clear()
    start()
    wait_for(lambda: receiver.requests, "the first message, which gets no answer")
    store = Store(project.client, project.settings.key_prefix)

    project.pauses.pause_project("p", "a test")
    wait_for(lambda: "project-paused:p" in store.read().open, "the pause to be observed meanwhile")
    assert receiver.bodies == []

    receiver.free.set()
    wait_for(lambda: receiver.told("project-paused", "p"), "the pause to be told")


def test_an_outage_of_redis_ends_nothing_and_repeats_nothing(tmp_path: Path, receiver: Receiver) -> None:
    options = ("--appendonly", "yes", "--appendfsync", "always", "--save", "")
    server = start_redis(tmp_path, *options)
    settings = load_settings(redis_url=f"unix://{tmp_path}/redis.sock?db=0", notify_url=receiver.url)
    client = open_client(settings.state, 5.0)
    project = Project(client, settings)
    duty = duty_of(settings, lambda: open_client(settings.state, 5.0))
    assert duty is not None
    try:
        project.publish(message("a"))
        project.pauses.pause_project("p", "a test")
        duty.start()
        wait_for(lambda: receiver.told("project-paused", "p"), "the pause to be told")
        with structlog.testing.capture_logs() as events:
            server.terminate()
            server.wait(10)
            wait_for(
                lambda: [event for event in events if event["event"] == "notify.waits"], "the outage to be noticed"
            )
            server = start_redis(tmp_path, *options)

        Projects(client, settings.key_prefix).resume("p")
        wait_for(lambda: len(receiver.told("project-paused", "p")) > 1, "the end of the pause to be told")
        assert receiver.told("project-paused", "p") == ["began", "ended"]
    finally:
        duty.stop()
        wait_for(lambda: not duty.runs, "the duty to end")
        client.close()
        server.terminate()
        server.wait(10)


def test_the_one_that_lost_its_lease_cannot_write(project: Project) -> None:
    first, second = (Store(project.client, project.settings.key_prefix) for _ in range(2))
    assert first.take(0.0) is not None
    assert second.take(30.0) is not None

    assert not first.save(State(failures=3))
    assert first.take(30.0) is None
    assert second.save(State(failures=1))
    assert first.read() == State(failures=1)
    assert second.save(State(failures=2), release=True)
    held = first.take(30.0)
    assert held is not None
    assert held.state == State(failures=2)


def test_no_message_has_a_key_a_payload_or_the_address(
    project: Project, receiver: Receiver, start: Callable[[], Duty]
) -> None:
    project.kill("secret-key-of-a-row")
    start()
    project.pauses.pause_project("p", "a test")
    wait_for(lambda: receiver.told("project-paused", "p"), "the pause to be told")

    assert "secret-key-of-a-row" not in receiver.text()
    assert "s3cret-part" not in receiver.text()
