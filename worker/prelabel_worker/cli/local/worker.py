"""`prelabel worker`."""

import os
import sys
from importlib.util import find_spec
from typing import Annotated, Literal

import typer

from prelabel_worker.cli import needs_extra
from prelabel_worker.cli.shared.configuration import settings_for
from prelabel_worker.cli.shared.terminal import usage
from prelabel_worker.presence import full_name
from prelabel_worker.redis_settings import ENV_PREFIX, FILE_SUFFIX
from prelabel_worker.runtime import roles
from prelabel_worker.settings import SECRETS, read_settings
from prelabel_worker.stack import stack_file
from prelabel_worker.stack.environment import variables


def worker(
    concurrency: Annotated[int, typer.Option(help="Processes; one runs its tasks in threads.", min=1)] = 2,
    role: Annotated[
        Literal["all", "submit", "poll"],
        typer.Option(help="Its stages: submit computes (group, retry, submit, expire), poll waits (poll, settle)."),
    ] = "all",
    name: Annotated[str, typer.Option(help="The worker's name for people; %h is the host.")] = "worker@%h",
) -> None:
    """Run a worker: it groups, submits, polls and settles. The same as `celery -A prelabel_worker worker`.

    Example: prelabel worker --concurrency 4
    """
    if find_spec("celery") is None:
        usage(needs_extra("worker"))
    settings_for()
    command = [sys.executable, "-m", "prelabel_worker.runtime", "--hostname", full_name(name)]
    command += ["--concurrency", str(concurrency), *roles.queue_arguments(role)]
    os.execve(sys.executable, command, _environment())  # noqa: S606 - Celery takes over this process and its signals


def _environment() -> dict[str, str]:
    """Return the environment in which the worker reads the settings of `settings_for()`.

    It differs from this one only where they are those of the running stack. Secrets in files stay in the files.
    """
    stack = None if "redis_url" in read_settings().model_fields_set else stack_file.read()
    if stack is None:
        return dict(os.environ)
    of_stack = variables(stack) | {f"{ENV_PREFIX}ACCOUNT_KEYS": "{}"}
    in_files = {f"{ENV_PREFIX}{name.upper()}{FILE_SUFFIX}" for name in SECRETS}
    replaced = {name for name in in_files if name.removesuffix(FILE_SUFFIX) in of_stack}
    return {name: value for name, value in os.environ.items() if name.upper() not in replaced} | of_stack
