"""A server that cannot prove that it is the server of the URL can decrypt nothing: no password, row or name."""

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import redis
import trustme

from prelabel import Publisher, RedisUnavailable
from prelabel.wire.client import open_client
from prelabel_worker.doctor.broker import findings as broker_findings
from prelabel_worker.queries.status import Inspector
from prelabel_worker.runtime import broker, clients
from prelabel_worker.settings import load_settings
from tests.support.flow import TOOLS, box, run_in
from tests.support.sandbox.process import SandboxProcess
from tests.support.tls import TlsServer, authority_file, serving
from tests.support.waiting import wait_for
from tests.support.worker_process import environment, running_worker

SECRET = "s3cret-of-a-test"
LOGIN = f"someone:{SECRET}"


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture(scope="module")
def authority_path(authority: trustme.CA, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return authority_file(authority, tmp_path_factory.mktemp("authority"))


@pytest.fixture
def stranger() -> Iterator[TlsServer]:
    """Yield a server whose certificate has the right names and comes from an unknown authority."""
    with serving(trustme.CA().issue_cert("localhost", "127.0.0.1")) as server:
        yield server


@pytest.fixture
def namesake(authority: trustme.CA) -> Iterator[TlsServer]:
    """Yield a server whose certificate comes from the trusted authority and is for another host."""
    with serving(authority.issue_cert("elsewhere.example")) as server:
        yield server


@pytest.fixture
def sandbox(tmp_path: Path) -> Iterator[SandboxProcess]:
    process = SandboxProcess(tmp_path / "sandbox")
    yield process
    process.stop()


def state(url: str, good_url: str, folder: Path) -> str:
    """A worker's client for the state."""
    client = clients.connect(load_settings(redis_url=url))
    with pytest.raises(redis.RedisError) as error:
        client.ping()
    return str(error.value)


def hints(url: str, good_url: str, folder: Path) -> str:
    """A worker's connection to Celery's broker."""
    with pytest.raises(broker.ERRORS) as error:
        broker.connect(load_settings(redis_url=good_url, broker_url=url), 5)
    return str(error.value)


def publisher(url: str, good_url: str, folder: Path) -> str:
    """A fleet's publisher."""
    sends = Publisher(url)
    sends.publish(box("a", project="p"))
    with pytest.raises(RedisUnavailable) as error:
        sends.flush(1)
    with contextlib.suppress(RedisUnavailable):
        sends.close(0)
    return str(error.value)


def command(url: str, good_url: str, folder: Path) -> str:
    """A command of an operator."""
    return run_in(folder, "status", "--redis-url", url).stderr


def doctor(url: str, good_url: str, folder: Path) -> str:
    """Doctor's look at a broker that is not the Redis with the state."""
    return next(broker_findings(load_settings(redis_url=good_url, broker_url=url), "x")).found


def cluster(url: str, good_url: str, folder: Path) -> str:
    """A client for a state that is kept in a cluster."""
    client = open_client(url.replace("rediss://", "rediss+cluster://").replace("/0", ""), 5)
    with pytest.raises(redis.RedisError) as error:
        client.get("x")
    return str(error.value)


def rabbitmq(url: str, good_url: str, folder: Path) -> str:
    """A worker's connection to a broker that is RabbitMQ."""
    return hints(url.replace("rediss://", "amqps://"), good_url, folder)


WAYS = [state, hints, publisher, command, doctor, cluster, rabbitmq]
Way = Callable[[str, str, Path], str]


def url_of(server: TlsServer, **options: Any) -> str:
    spelt = "&".join(f"{name}={value}" for name, value in options.items())
    return f"rediss://{LOGIN}@localhost:{server.port}/0" + (f"?{spelt}" if spelt else "")


def assert_heard_nothing(server: TlsServer, words: str) -> None:
    assert server.attempts
    assert server.heard == b""
    assert "certificate verify failed" in words
    assert SECRET not in words


@pytest.mark.parametrize("way", WAYS)
def test_a_server_with_an_unknown_certificate_hears_nothing(
    way: Way, stranger: TlsServer, redis_url: str, tmp_path: Path
) -> None:
    words = way(url_of(stranger), redis_url, tmp_path)

    assert_heard_nothing(stranger, words)


@pytest.mark.parametrize("way", WAYS)
def test_a_server_with_a_certificate_for_another_host_hears_nothing(
    way: Way, namesake: TlsServer, authority_path: Path, redis_url: str, tmp_path: Path
) -> None:
    words = way(url_of(namesake, ssl_ca_certs=authority_path), redis_url, tmp_path)

    assert_heard_nothing(namesake, words)


@pytest.mark.parametrize("way", WAYS)
def test_only_who_asks_for_it_talks_to_a_server_that_was_not_verified(
    way: Way, stranger: TlsServer, redis_url: str, tmp_path: Path
) -> None:
    """Without this test, the others would also pass with a server that receives nothing."""
    way(url_of(stranger, ssl_cert_reqs="none"), redis_url, tmp_path)

    assert (b"AMQP" if way is rabbitmq else SECRET.encode()) in stranger.heard


@pytest.mark.parametrize("setting", ["PRELABEL_REDIS_URL", "PRELABEL_BROKER_URL"])
def test_a_worker_ends_instead_of_asking_a_stranger_again(
    setting: str, stranger: TlsServer, redis_url: str, prefix: str, tmp_path: Path
) -> None:
    urls = {"PRELABEL_REDIS_URL": redis_url, "PRELABEL_BROKER_URL": redis_url, setting: url_of(stranger)}
    done = run_in(tmp_path, "worker", **urls, PRELABEL_KEY_PREFIX=prefix, PRELABEL_LABELBOX_API_KEY="a-key")

    assert done.returncode == 2
    assert f"{setting}: " in done.stderr
    assert "certificate verify failed" in done.stderr
    assert "ssl_ca_certs" in done.stderr
    assert SECRET not in done.stderr + done.stdout
    assert stranger.heard == b""


def test_rows_arrive_under_tls_from_a_server_whose_certificate_is_known(
    authority: trustme.CA,
    authority_path: Path,
    redis_socket: Path,
    sandbox: SandboxProcess,
    client: "redis.Redis",
    prefix: str,
    tmp_path: Path,
) -> None:
    sandbox.project("p", {"tools": TOOLS, "classifications": []})
    with serving(authority.issue_cert("localhost"), redis_socket) as server:
        url = f"rediss://localhost:{server.port}/0?ssl_ca_certs={authority_path}"
        told = environment(sandbox, redis_url=url, key_prefix=prefix)
        with running_worker(tmp_path, told, "--concurrency", "1"):
            with Publisher(url, key_prefix=prefix) as publisher:
                publisher.publish(box("a", project="p"))
            wait_for(lambda: Inspector(client, prefix).status("p").imported == 1, "the row to settle")
        assert b"EVALSHA" in server.heard
        doctor = run_in(tmp_path, "doctor", **told).stdout
        unverified = run_in(
            tmp_path, "doctor", **told | {"PRELABEL_REDIS_URL": f"{url}&ssl_check_hostname=false"}
        ).stdout
    assert "ok   the broker answers" in doctor
    assert f"ok   the server at rediss://localhost:{server.port}/0 is verified" in doctor
    assert f"note the server at rediss://localhost:{server.port}/0 is not verified" in unverified
