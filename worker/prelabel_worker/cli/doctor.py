"""`prelabel doctor`: is everything there that rows need to arrive; each finding with its remedy."""

import time
from collections.abc import Iterator
from typing import Any

import redis
import typer
from celery import Celery
from kombu.exceptions import OperationalError

from prelabel.client import Client
from prelabel_worker.cli.common import DONE_WITH_DEAD, AsJson, RedisUrl, connect, out, settings_for
from prelabel_worker.errors import RequestError, Unauthorized
from prelabel_worker.inspector import Inspector
from prelabel_worker.labelbox import ImportName, Labelbox
from prelabel_worker.settings import Settings
from prelabel_worker.stack.redis_server import OLDEST

_CLOCK_SECONDS = 2.0
Finding = tuple[bool, str, str]
"""Whether it is good, what was found, and the remedy."""


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("doctor")(doctor)


def doctor(as_json: AsJson = False, redis_url: RedisUrl = None) -> None:
    """Look at Redis, the broker, the workers and Labelbox. Exit code 1 when something needs a person.

    Example: prelabel doctor
    """
    settings = settings_for(redis_url)
    client = connect(settings)
    findings = [*_redis(client, settings), _broker(settings), *_workers(client, settings), _labelbox(settings)]
    if as_json:
        out({"findings": [{"good": good, "found": found, "remedy": remedy} for good, found, remedy in findings]})
    else:
        for good, found, remedy in findings:
            print(f"{'ok  ' if good else 'BAD '} {found}" + ("" if good else f"\n      → {remedy}"))  # noqa: T201
    if not all(good for good, _, _ in findings):
        raise typer.Exit(DONE_WITH_DEAD)


def _redis(client: Client, settings: Settings) -> Iterator[Finding]:
    info: dict[str, Any] = client.info()
    version = str(info["redis_version"])
    new_enough = tuple(int(part) for part in version.split(".")[:2]) >= OLDEST
    yield new_enough, f"Redis {version}", "use Redis 6.2 or newer"
    policy = _config(client, "maxmemory-policy")
    yield (
        policy in ("noeviction", None),
        f"maxmemory-policy {policy or 'cannot be read'}",
        ("set maxmemory-policy noeviction: with any other, Redis deletes rows under memory pressure"),
    )
    yield _persistence(client, settings)
    seconds, micros = client.time()
    skew = abs(time.time() - seconds - micros / 1e6)
    yield skew < _CLOCK_SECONDS, f"clocks differ by {skew:.1f} s", "synchronise the clocks: ages are shown wrong"


def _persistence(client: Client, settings: Settings) -> Finding:
    on, sync = _config(client, "appendonly"), _config(client, "appendfsync")
    found = f"appendonly {on}, appendfsync {sync}, durability {settings.durability}"
    good = on is None or (on == "yes" and (sync == "always" or settings.durability != "fsync"))
    return (
        good,
        found,
        (
            "set appendonly yes and appendfsync always, or PRELABEL_DURABILITY=waitaof (Redis 7.2) or replica: "
            "a crash of Redis loses rows that were answered otherwise, with everysec about a second of them"
        ),
    )


def _config(client: Client, name: str) -> str | None:
    try:
        return str(client.config_get(name).get(name))
    except redis.ResponseError:
        return None  # hosted services hide their configuration


def _broker(settings: Settings) -> Finding:
    app = Celery(broker=settings.broker, set_as_current=False)
    try:
        with app.connection_for_write() as connection:
            connection.ensure_connection(max_retries=1, timeout=5)
    except (OperationalError, OSError) as error:
        return False, f"the broker does not answer ({type(error).__name__})", "start it, or set PRELABEL_BROKER_URL"
    return True, "the broker answers", ""


def _workers(client: Client, settings: Settings) -> Iterator[Finding]:
    workers = Inspector(client, settings.key_prefix).workers()
    names = ", ".join(f"{each.name} {each.version}" for each in workers)
    yield bool(workers), f"{len(workers)} workers alive {names}".rstrip(), "start one: prelabel worker"
    versions = {each.version for each in workers}
    if len(versions) > 1:
        yield False, f"workers of versions {', '.join(sorted(versions))}", "finish the upgrade"


def _labelbox(settings: Settings) -> Finding:
    key = settings.labelbox_api_key.get_secret_value()
    if not key:
        return False, "no API key", "set PRELABEL_LABELBOX_API_KEY"
    labelbox = Labelbox(settings.labelbox_endpoint, key, 10)
    try:
        # A look-up of an import that cannot exist changes nothing and shows whether the key is accepted.
        labelbox.find_imports([ImportName("doctor", "no-such-import")])
    except Unauthorized:
        return False, "Labelbox refuses the API key", "set PRELABEL_LABELBOX_API_KEY to a key that is valid"
    except RequestError as error:
        return (
            False,
            f"Labelbox at {settings.labelbox_endpoint}: {error}",
            "check PRELABEL_LABELBOX_ENDPOINT and the network",
        )
    finally:
        labelbox.close()
    return True, f"Labelbox at {settings.labelbox_endpoint} accepts the key", ""
