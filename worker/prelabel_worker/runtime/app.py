"""Make the Celery app: its settings are safe on Redis, and its messages carry only ids of projects and chunks."""

import os
import sys
from typing import Any, NoReturn

import billiard.pool
from celery import Celery
from celery.signals import setup_logging, worker_init, worker_process_init, worker_process_shutdown, worker_shutdown
from kombu.entity import Queue

from prelabel.printing import printable
from prelabel_worker import logs
from prelabel_worker.errors import ConfigurationError
from prelabel_worker.runtime import broker, preflight, roles
from prelabel_worker.runtime.celery_logs import translated
from prelabel_worker.runtime.clients import Runtime
from prelabel_worker.runtime.tasks import register
from prelabel_worker.runtime.ticker import Ticker
from prelabel_worker.runtime.worker import Worker, ignore_hangups
from prelabel_worker.settings import Settings, load_settings


def app_of_environment() -> Celery:
    """Return the app for the settings in the environment; end the process if they cannot be used."""
    try:
        return create_app(load_settings())
    except ConfigurationError as error:
        end(error)


def create_app(settings: Settings) -> Celery:
    """Return the app for these settings."""
    app = Celery("prelabel", set_as_current=False)
    app.conf.update(_configuration(settings))

    def hint(stage: str, project_id: str, chunk_id: str) -> None:
        args: list[Any] = [project_id, chunk_id] if chunk_id else [project_id]
        app.send_task(f"prelabel.{stage}", args)

    runtime = Runtime(settings, hint)
    os.register_at_fork(after_in_child=runtime.after_fork)
    register(app, runtime)
    app.steps["worker"].add(Ticker)
    app.Worker = app.subclass_with_self(Worker)
    app.prelabel_runtime = runtime

    @setup_logging.connect(weak=False)  # type: ignore[untyped-decorator]
    def _set_up_logging(**_: Any) -> None:
        logs.set_up(settings, translated)

    @worker_init.connect(weak=False)  # type: ignore[untyped-decorator]
    def _check(**_: Any) -> None:
        try:
            preflight.check(settings)
        except ConfigurationError as error:
            end(error)

    worker_init.connect(_bound_warm_shutdown, weak=False)
    worker_process_init.connect(ignore_hangups, weak=False)
    for ending in (worker_process_shutdown, worker_shutdown):  # a process of the pool; a worker with threads
        ending.connect(runtime.end, weak=False)
    return app


def end(error: ConfigurationError) -> NoReturn:
    """Print the error and end the process, which cannot work with these settings."""
    print(f"prelabel: {printable(str(error))}", file=sys.stderr)  # noqa: T201
    sys.exit(error.exit_code)


def _configuration(settings: Settings) -> dict[str, Any]:
    return {
        "task_default_queue": roles.QUEUES["submit"],
        "task_queues": [Queue(name, routing_key=name) for name in roles.QUEUES.values()],  # type: ignore[no-untyped-call]
        "task_routes": {f"prelabel.{stage}": {"queue": roles.queue_of(stage)} for stage in roles.stages_of("all")},
        "task_serializer": "json",
        "accept_content": ["json"],
        "task_ignore_result": True,
        # Tasks are acknowledged late and taken one at a time, so that a busy worker hoards no hints. A lost hint costs
        # at most the time of a lease, never a row.
        "task_acks_late": True,
        "worker_prefetch_multiplier": 1,
        "worker_disable_rate_limits": True,
        "worker_send_task_events": False,
        # With remote control, anybody who can write to the broker could command the workers. Nothing here uses it.
        "worker_enable_remote_control": False,
        "worker_hijack_root_logger": False,
        "worker_redirect_stdouts": False,
        "worker_consumer": "prelabel_worker.runtime.consumer:Consumer",
        "worker_cancel_long_running_tasks_on_connection_loss": False,
        "broker_connection_retry_on_startup": True,
        "broker_connection_max_retries": None,
        # Wait for a broker that refuses commands (read-only replica, no memory, no disk) as for one that is down.
        "broker_channel_error_retry": True,
        **broker.configuration(settings),
    }


def _bound_warm_shutdown(**_: Any) -> None:
    """Let a stopping pool child wait only 2 s, not 30, for somebody to read its results: nobody does."""
    billiard.pool.GUARANTEE_MESSAGE_CONSUMPTION_RETRY_LIMIT = 20
