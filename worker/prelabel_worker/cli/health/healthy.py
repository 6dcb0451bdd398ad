"""`prelabel healthy`: for a container's health check. A worker that is alive but makes no progress is not healthy.

It runs every few seconds and takes processor time from the worker beside it, so it imports as little as possible.
"""

from typing import Annotated

import typer

from prelabel_worker.cli.shared.connection import connect
from prelabel_worker.cli.shared.terminal import AsJson, RedisUrl, out, say
from prelabel_worker.presence import WorkerStatus, full_name, living
from prelabel_worker.redis_settings import RedisSettings, find_redis_url, read_redis_settings
from prelabel_worker.stack import stack_file

UNHEALTHY = 1
MAX_SILENCE_SECONDS = 300.0
"""Longer than the longest upload, since a task counts as progress only when it is over."""
_TICK_SILENCE_SECONDS = 15.0


def healthy(
    max_silence: Annotated[
        float, typer.Option(help="Maximum seconds without progress while there is work.", min=1)
    ] = MAX_SILENCE_SECONDS,
    name: Annotated[
        str | None, typer.Option(help="Only workers of this name; %h is the host. Else all of this host.")
    ] = None,
    as_json: AsJson = False,
    redis_url: RedisUrl = None,
) -> None:
    """Check that the workers of this host tick and make progress: exit code 0, or 1 with the reason.

    In a container, these are the workers that run in it. Exit code 4 when Redis does not answer: the workers may be
    healthy, and restarting them does not help.

    Example: prelabel healthy --max-silence 600
    """
    settings = _settings(redis_url)
    workers = _of_this_host(living(connect(settings), settings.key_prefix), name)
    wrong = problems(workers, max_silence)
    if as_json:
        out({"healthy": not wrong, "problems": wrong, "workers": [worker.as_json() for worker in workers]})
    elif wrong:
        say("; ".join(wrong))
    if wrong:
        raise typer.Exit(UNHEALTHY)


def _settings(option: str | None) -> RedisSettings:
    """Read where Redis is, as all commands do: the option, then the environment, then the running stack's file."""
    stack = stack_file.read() if find_redis_url(option) is None else None
    return read_redis_settings(option, otherwise=stack.redis_url if stack else None)


def _of_this_host(workers: list[WorkerStatus], name: str | None) -> list[WorkerStatus]:
    """Return the workers of this host, or container, that have this name.

    A worker whose process has ended is left out if a worker of its name has followed it.
    """
    wanted = name and full_name(name)
    here = [
        worker
        for worker in workers
        if worker.process and worker.process.is_of_this_system and wanted in (None, worker.name)
    ]
    return [worker for worker in here if not _has_ended(worker) or not _followed(worker, here)]


def _has_ended(worker: WorkerStatus) -> bool:
    return worker.process is not None and worker.process.has_ended


def _followed(ended: WorkerStatus, workers: list[WorkerStatus]) -> bool:
    """Return whether a worker of the same name began after one that has ended."""
    return any(
        worker.name == ended.name and worker.process and ended.process and worker.process.began > ended.process.began
        for worker in workers
    )


def problems(workers: list[WorkerStatus], max_silence: float) -> list[str]:
    """Return what is wrong with a host's workers: one text for each unhealthy worker."""
    if not workers:
        return ["no worker of this host ticks into Redis"]
    return [f"{worker.label} {problem}" for worker in workers if (problem := _problem(worker, max_silence))]


def _problem(worker: WorkerStatus, max_silence: float) -> str | None:
    silent = worker.seen_seconds_ago
    if _has_ended(worker):
        return f"has not ticked for {silent:.0f} s: its process {worker.pid} has ended"
    if silent > min(_TICK_SILENCE_SECONDS, max_silence):
        return f"has not ticked for {silent:.0f} s"
    stalled = worker.stalled_seconds + silent
    if stalled <= max_silence:
        return None
    if worker.busy_seconds is None:
        return f"has taken no work for {stalled:.0f} s, though hints wait or cannot be counted"
    return (
        f"has begun and ended nothing for {stalled:.0f} s; its oldest task is {worker.busy_seconds + silent:.0f} s old"
    )
