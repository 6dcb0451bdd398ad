"""Redis that is away, comes back, or refuses: a page that says so, and no other harm."""

import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pytest

from prelabel.wire.client import open_client
from prelabel_console.access.roles import Role
from tests.support.console.browsing import Browser, browsers, console_settings, serving
from tests.support.redis_server import start_redis
from tests.support.waiting import wait_for

OPTIONS = ("--save", "", "--appendonly", "no")


class Server:
    """A Redis of this test's own, which can be stopped and started."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.url = f"unix://{folder}/redis.sock?db=0"
        self.process: subprocess.Popen[bytes] = start_redis(folder, *OPTIONS)

    def stop(self) -> None:
        self.process.terminate()
        self.process.wait(20)

    def start(self) -> None:
        self.process = start_redis(self.folder, *OPTIONS)


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    started = Server(tmp_path)
    yield started
    started.stop()


@pytest.fixture
def away(server: Server) -> Iterator[Callable[[Role], Browser]]:
    """Yield browsers of a console whose Redis can be stopped."""
    settings = console_settings(server.url, "prelabel")
    with serving(open_client(server.url, 2), settings) as (_, address), browsers(address) as open_browser:
        yield open_browser


PAGES = ["/", "/projects", "/projects/p", "/projects/p/imports", "/accounts", "/workers", "/actions"]
PAGES += ["/groups", "/groups/0123456789ab", "/dead", "/dead/p/1", "/data-row?key=a", "/bulk", "/bulk/new?do=retry"]


def says_away(somebody: Browser, path: str) -> bool:
    return somebody.get(path).status_code == 503


def test_every_page_says_that_redis_is_away_and_shows_rows_when_it_is_back(
    server: Server, away: Callable[[Role], Browser]
) -> None:
    admin = away(Role.ADMIN)
    assert admin.get("/").status_code == 200
    server.stop()
    for path in ("/", "/groups"):  # what is read in the background may be some seconds old
        wait_for(partial(says_away, admin, path), "the page about Redis", 30)

    for path in PAGES:
        text = admin.text(path, 503)
        assert "Redis does not answer" in text
        assert "Nothing is lost meanwhile" in text
        assert "prelabel doctor" in text
    answer = admin.post("/projects/p/pause", {"for": ""}, origin=admin.address)
    assert answer.status_code == 503
    assert admin.get("/healthz").json() == {"serves": True, "redisAnswers": False}

    server.start()

    wait_for(lambda: admin.get("/").status_code == 200, "the overview", 30)
    assert admin.get("/healthz").json() == {"serves": True, "redisAnswers": True}


def test_a_console_that_starts_while_redis_is_away_serves_all_the_same(
    server: Server, away: Callable[[Role], Browser]
) -> None:
    server.stop()
    viewer = away(Role.VIEWER)

    assert "Redis does not answer" in viewer.text("/", 503)
    server.start()
    wait_for(lambda: viewer.get("/").status_code == 200, "the overview", 30)


def test_a_probe_is_answered_within_a_second_while_redis_hangs(server: Server, away: Callable[[Role], Browser]) -> None:
    viewer = away(Role.VIEWER)
    server.process.send_signal(signal.SIGSTOP)
    try:
        began = time.monotonic()
        answer = viewer.get("/healthz")
        seconds = time.monotonic() - began
    finally:
        server.process.send_signal(signal.SIGCONT)

    assert (answer.status_code, answer.json()) == (200, {"serves": True, "redisAnswers": False})
    assert seconds < 1


def test_a_wrong_password_is_not_waited_for(server: Server, away: Callable[[Role], Browser]) -> None:
    client = open_client(server.url, 2)
    client.config_set("requirepass", "another")
    client.connection_pool.disconnect()
    client.close()
    viewer = away(Role.VIEWER)

    text = viewer.text("/", 503)

    assert "check the user, its password and its rights" in text
    assert "Waiting does not help" in text
    assert "another" not in text


def test_a_redis_that_takes_no_writes_is_said_to_whoever_acts(server: Server, away: Callable[[Role], Browser]) -> None:
    client = open_client(server.url, 2)
    client.zadd("prelabel:projects", {"p": 0})
    client.hset("prelabel:{p}:counts", "published", 1)
    client.config_set("maxmemory", "1")
    client.close()
    operator = away(Role.OPERATOR)

    assert operator.get("/projects/p").status_code == 200
    answer = operator.post("/projects/p/pause", {"for": ""}, origin=operator.address)

    assert answer.status_code == 503
    assert "Redis refuses this now" in answer.text
    assert "maxmemory" in answer.text
