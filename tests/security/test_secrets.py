"""No key and no password in anything that a person or a machine reads: logs, errors, commands, Redis."""

import json
import logging
import subprocess
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

import httpx
import pytest
import redis
import structlog
from hypothesis import given
from hypothesis import strategies as st

from prelabel import Publisher
from prelabel_worker import logs
from prelabel_worker.errors import ConfigurationError
from prelabel_worker.labelbox.client import Labelbox
from prelabel_worker.labelbox.errors import Unavailable
from prelabel_worker.labelbox.types import ImportName
from prelabel_worker.runtime.app import create_app
from prelabel_worker.runtime.clients import connect
from prelabel_worker.settings import load_settings
from prelabel_worker.stack.stack import Stack
from tests.support.flow import SETTINGS, Flow, box, run_in
from tests.support.waiting import wait_for

SECRET = "hunter2-$0meth1ng"
PASSWORD = quote(SECRET, safe="")
text = st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=6, max_size=40)


@pytest.fixture
def _logging() -> Iterator[None]:
    """Restore the configuration of logging after the test."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    levels = {name: logging.getLogger(name).level for name in ("httpx", "httpcore")}
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    for name, old in levels.items():
        logging.getLogger(name).setLevel(old)
    structlog.reset_defaults()


def shown(error: BaseException) -> str:
    """All that a log, a terminal or a debugger shows of an error and of what it came from."""
    found = "".join(traceback.format_exception(error)) + repr(error)
    for cause in (error.__cause__, error.__context__ if not error.__suppress_context__ else None):
        found += shown(cause) if cause is not None else ""
    # The line of this very test that hands the secret over is no part of it.
    return "\n".join(line for line in found.splitlines() if "SECRET" not in line)


@given(text, text, text, st.recursive(st.just(None), lambda inner: st.lists(inner, max_size=2), max_leaves=4))
def test_a_log_line_shows_no_secret_wherever_it_stands(key: str, other: str, password: str, shape: Any) -> None:
    settings = load_settings(
        labelbox_api_key=key,
        account_keys={"b": other},
        redis_url=f"redis://:{quote(password, safe='')}@h/0",
        broker_url=f"amqp://u:{quote(password, safe='')}@h//",
    )
    redact = logs._Redact(settings)
    everything = f"{key} {other} {password} {quote(password, safe='')} {settings.state.text} {settings.broker_url}"
    event = {
        "event": everything,
        "nested": {"a": [everything, {everything: everything}], "shape": shape},
        "error": ValueError(everything),
        "raw": everything.encode(),
    }

    line = json.dumps(redact(None, "info", event), default=repr)

    for secret in (key, other, password, quote(password, safe="")):
        assert secret not in json.loads(line)["event"]
        assert repr(secret)[1:-1] not in json.loads(line)["error"]
        assert repr(secret)[1:-1] not in json.loads(line)["raw"]
        assert secret not in repr(json.loads(line)["nested"]) or secret in "***{}[]'\"nested shape, None"


@pytest.mark.usefixtures("_logging")
def test_no_library_says_the_key_even_when_it_tells_everything(capsys: pytest.CaptureFixture[str]) -> None:
    logs.set_up(load_settings(labelbox_api_key=SECRET, log_level="debug", log_format="json"))
    for name in ("httpx", "httpcore"):
        logging.getLogger(name).setLevel(logging.DEBUG)
    labelbox = Labelbox("http://127.0.0.1:1/graphql", SECRET, 1)
    with pytest.raises(Exception, match="ConnectError"):
        labelbox.find_imports([ImportName("p", "x")])
    labelbox.close()
    logging.getLogger("httpcore.http11").debug("send_request_headers %s", httpx.Headers({"a": SECRET}).raw)

    said = capsys.readouterr().err

    assert "send_request_headers" in said
    assert SECRET not in said


def caught(work: Callable[[], object]) -> Exception | None:
    """Return the error that a call raises."""
    try:
        work()
    except Exception as error:
        return error
    return None


URLS = [
    f"redis://:{SECRET}/x@h/0",
    f"redis://u:{SECRET}@h:port/0",
    f"redis://u:{SECRET}@[::1/0",
    f"redis://u:{SECRET}@127.0.0.1:1/0?socket_timeout=x{SECRET}",
    f"redis://127.0.0.1:1/0?password={SECRET}",
    f"redis://:#{SECRET}@h:1/0",
    f"http://:{SECRET}@h/",
    f"{SECRET}@h",
]


@pytest.mark.parametrize("url", URLS)
@pytest.mark.parametrize("use", ["redis", "publisher", "broker"])
def test_a_url_that_cannot_be_used_is_refused_without_its_text(url: str, use: str) -> None:
    def connection() -> None:
        create_app(load_settings(broker_url=url)).connection_for_write().as_uri()

    uses = {"redis": lambda: load_settings(redis_url=url), "publisher": lambda: Publisher(url), "broker": connection}

    error = caught(uses[use])

    # A broker's URL may be of another kind, so that Celery alone can say what is wrong.
    assert isinstance(error, (ConfigurationError, ValueError)) or use == "broker"
    assert error is None or SECRET not in shown(error)


@pytest.mark.parametrize("url", [f"redis://:{PASSWORD}@127.0.0.1:1/0", f"unix://:{PASSWORD}@/nowhere.sock"])
def test_a_redis_that_does_not_answer_is_named_without_its_password(url: str) -> None:
    settings = load_settings(redis_url=url)
    client = connect(settings)
    with pytest.raises(redis.ConnectionError) as away:
        client.ping()
    publisher = Publisher(url)
    publisher.publish(box("a", project="p"))
    with pytest.raises(Exception, match="waiting for Redis") as waiting:
        publisher.flush(0.1)
    with pytest.raises(Exception, match="waiting for Redis") as closing:
        publisher.close(0.1)
    uri = create_app(settings).connection_for_write().as_uri()

    said = [shown(error.value) for error in (away, waiting, closing)] + [repr(client), repr(settings), str(uri)]

    assert [each for each in said if SECRET in each or PASSWORD in each] == []


@pytest.mark.parametrize("key", [SECRET + "\n", SECRET + " x", "\x00" + SECRET])
@pytest.mark.parametrize("endpoint", ["http://[::1/graphql", "nonsense", "http://h:p/", "http://h/graphql"])
def test_no_error_of_an_endpoint_that_cannot_be_used_says_the_key(key: str, endpoint: str) -> None:
    error = caught(lambda: Labelbox(endpoint, key, 1))

    assert isinstance(error, ConfigurationError)
    assert SECRET not in shown(error)


@pytest.mark.parametrize("key", [SECRET + "\n", SECRET + " x", "\x00" + SECRET])
def test_no_error_of_a_request_says_the_key(key: str) -> None:
    labelbox = Labelbox("http://127.0.0.1:1/graphql", key, 1)
    for ask in (
        lambda: labelbox.find_imports([ImportName("p", "x")]),
        lambda: labelbox.create_import("p", "x", [b"{}\n"], lambda: True),
    ):
        error = caught(ask)
        assert isinstance(error, Unavailable)
        assert SECRET not in shown(error)
    labelbox.close()


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """A worker that logs everything, with a key for a second account."""
    more = {"PRELABEL_LOG_LEVEL": "debug", "PRELABEL_ACCOUNT_KEYS": json.dumps({"other": SECRET})}
    with Stack(tmp_path_factory.mktemp("secrets") / ".prelabel", settings=SETTINGS | more) as running:
        yield running


def everything_in(client: "redis.Redis") -> Iterator[bytes]:
    """Return every key and value of a Redis, of any type."""
    readers = {b"hash": "hgetall", b"string": "get", b"set": "smembers"}
    for name in client.scan_iter(count=1000):
        kind = client.type(name)
        if kind in readers:
            value = getattr(client, readers[kind])(name)
        elif kind == b"list":
            value = client.lrange(name, 0, -1)
        else:
            value = client.zrange(name, 0, -1)
        yield repr((name, value)).encode()


def test_a_whole_run_with_faults_says_no_secret_anywhere(stack: Stack) -> None:
    flow = Flow(stack, "psecret", stack.client())
    flow.create()
    secrets = [stack.file.labelbox_api_key, urlsplit(stack.file.redis_url).password, SECRET]
    said: list[str] = []

    def command(*args: str, **options: Any) -> None:
        done: subprocess.CompletedProcess[str] = run_in(stack.folder.parent, *args, **options)
        said.append(done.stdout + done.stderr)

    for fault in ("403-html", "500", "reset", "accept-then-time-out"):
        flow.fault(fault, times=1, **({"hold": 4} if fault.startswith("accept") else {}))
        flow.publish(box(f"{fault}", project=flow.project), box(f"bad-{fault}", "no-such", project=flow.project))
    flow.control("DELETE", "faults")
    flow.settled()
    command("project", "set", flow.project, "--account", "other")
    flow.publish(box("with a key that is refused", project=flow.project))
    wait_for(lambda: flow.client.hget("prelabel:account:{other}", "refusedUntil"), "the refused account to pause")
    for args in (
        ["status", "--json"],
        ["doctor"],
        ["dead", "list", "--project", flow.project],
        ["imports", "list", "--project", flow.project],
        ["status", "--redis-url", f"redis://:{SECRET}/@h:p/0"],
    ):
        command(*args)
    said += [repr(each) for each in everything_in(flow.client)]
    stack.kill("redis")
    wait_for(lambda: "tick.failed" in (stack.logs / "worker1.log").read_text(), "the worker to notice")
    command("doctor")
    stack.restart("redis")
    client = stack.client()
    wait_for(lambda: client.ping(), "Redis")
    said += [path.read_text(errors="replace") for path in Path(stack.logs).iterdir()]
    assert '"level": "debug"' in "".join(said)

    for secret in secrets:
        assert [each[max(0, each.find(secret) - 200) :][:400] for each in said if secret in each] == []
    client.close()
    flow.client.close()
