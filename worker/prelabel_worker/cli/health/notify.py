"""`prelabel notify`: whether messages arrive, and what was told."""

import socket

import typer

from prelabel.unix_time import UnixTime
from prelabel_worker.cli.shared.configuration import settings_for
from prelabel_worker.cli.shared.connection import connect
from prelabel_worker.cli.shared.screen import console, new_table
from prelabel_worker.cli.shared.terminal import (
    DONE_WITH_DEAD,
    NOTHING,
    AsJson,
    RedisUrl,
    ServiceAway,
    out,
    report,
    say,
    usage,
)
from prelabel_worker.notify import watch
from prelabel_worker.notify.message import Sender
from prelabel_worker.notify.store import Store
from prelabel_worker.notify.webhook import NotDelivered, Webhook
from prelabel_worker.settings import load_settings


def send_test(as_json: AsJson = False) -> None:
    """Send a test message to PRELABEL_NOTIFY_URL and say what the receiver answered.

    Exit code 1 when it did not accept the message, 4 when it cannot be reached. Redis is not needed.

    Example: prelabel notify test
    """
    settings = load_settings()
    url = settings.notify_url.get_secret_value()
    if not url:
        usage("PRELABEL_NOTIFY_URL is not set: nobody would be told")
    webhook = Webhook(url)
    try:
        receipt = webhook.post(Sender(environment=settings.environment).test_body(socket.gethostname()))
    except NotDelivered as error:
        raise ServiceAway(f"{webhook.host} cannot be reached: {error}") from None
    said = f": {receipt.words}" if receipt.words else ""
    report(
        as_json,
        {"accepted": receipt.accepted, "status": receipt.status, "answer": receipt.words},
        f"{webhook.host} answered {receipt.status}{said}",
    )
    if not receipt.accepted:
        raise typer.Exit(DONE_WITH_DEAD)


def list_told(as_json: AsJson = False, redis_url: RedisUrl = None) -> None:
    """List the troubles that were told and still hold, oldest first. Exit code 3 when there are none.

    Example: prelabel notify list
    """
    settings = settings_for(redis_url)
    state = Store(connect(settings), settings.key_prefix).read()
    facts = watch.open_facts(state)
    if as_json:
        shown = [{"kind": kind, "subject": subject, "since": UnixTime(since)} for kind, subject, since in facts]
        waiting = len(state.changes) + state.uncounted
        out({"troubles": shown, "changesToSend": waiting, "failedAttempts": state.failures})
    elif facts:
        table = new_table("trouble", "subject", "since")
        for kind, subject, since in facts:
            table.add_row(kind, subject, UnixTime(since).iso())
        console().print(table)
    if not as_json and state.failures:
        say(f"the receiver did not accept the last {state.failures} attempts")
    if not facts:
        say("no trouble is known")
        raise typer.Exit(NOTHING)
