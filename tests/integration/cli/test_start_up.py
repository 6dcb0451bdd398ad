"""What a command imports before it does anything: a probe of a pod runs every few seconds beside its worker.

Which modules, not how long: `benchmarks/start_up.py` measures that.
"""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from prelabel_worker.redis_settings import KEY_PREFIX, REDIS_URL

HEAVY = {
    "PIL", "ariadne", "billiard", "celery", "httpx", "kombu", "labelbox", "numpy", "prometheus_client",
    "pydantic_settings", "rich", "structlog", "zstandard",
}  # fmt: skip


def imported(folder: Path, code: str, *, ends_with: int = 0, **environment: str) -> set[str]:
    """Return the modules that a process has imported after it ran this code."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("PRELABEL_")}
    file = folder / "modules"
    note = f"import atexit, sys; atexit.register(lambda: open({str(file)!r}, 'w').write(' '.join(sys.modules)))"
    done = subprocess.run(
        [sys.executable, "-c", f"{note}\n{code}"],
        cwd=folder,
        env=clean | environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == ends_with, done.stderr
    return set(file.read_text().split())


def after(folder: Path, *words: str, ends_with: int = 0, **environment: str) -> set[str]:
    """Return the modules that a command has imported at its end."""
    code = f"sys.argv = {['prelabel', *words]}; from prelabel_worker.cli import main; main()"
    return imported(folder, code, ends_with=ends_with, **environment)


def roots(modules: set[str]) -> set[str]:
    """Return the top-level packages of modules, without Python's own."""
    return {module.partition(".")[0] for module in modules} - sys.stdlib_module_names


def ours(modules: set[str]) -> set[str]:
    return {module for module in modules if re.match(r"prelabel(_worker)?(\.|$)", module)}


OF_THE_COMMAND = {
    "prelabel", "prelabel.errors", "prelabel.json_record", "prelabel.lazy", "prelabel.printing", "prelabel.unix_time",
    "prelabel_worker", "prelabel_worker.cli", "prelabel_worker.cli.commands", "prelabel_worker.cli.lazy_group",
    "prelabel_worker.cli.main", "prelabel_worker.cli.shared", "prelabel_worker.cli.shared.terminal",
}  # fmt: skip


@pytest.mark.parametrize("option", ["--help", "-h"])
@pytest.mark.parametrize("noun", [[], ["dead"], ["project"]], ids=["", "dead", "project"])
def test_help_loads_no_command_and_nothing_that_one_needs(tmp_path: Path, noun: list[str], option: str) -> None:
    modules = after(tmp_path, *noun, option)

    of_typer = {"pydantic"} if noun else set()  # it may read options with it, those before the noun too
    assert ours(modules) == OF_THE_COMMAND
    assert not roots(modules) & ((HEAVY | {"msgspec", "pydantic", "redis"}) - of_typer)


def test_the_version_is_said_without_the_worker(tmp_path: Path) -> None:
    assert ours(after(tmp_path, "--version")) == OF_THE_COMMAND | {"prelabel.version"}


def test_healthy_loads_what_its_question_to_redis_needs(tmp_path: Path, redis_url: str, prefix: str) -> None:
    told = {REDIS_URL.variable: redis_url, KEY_PREFIX.variable: prefix}
    modules = after(tmp_path, "healthy", ends_with=1, **told)

    assert not roots(modules) & HEAVY
    assert ours(modules) - OF_THE_COMMAND == {
        "prelabel.ids", "prelabel.private_files", "prelabel.stack_file", "prelabel.wire", "prelabel.wire.client",
        "prelabel.wire.cluster", "prelabel.wire.keys", "prelabel.wire.redis_url",
        "prelabel_worker.cli.health", "prelabel_worker.cli.health.healthy", "prelabel_worker.cli.shared.connection",
        "prelabel_worker.errors", "prelabel_worker.presence", "prelabel_worker.redis_settings",
        "prelabel_worker.stack", "prelabel_worker.stack.private", "prelabel_worker.stack.stack_file",
    }  # fmt: skip


def test_modules_that_healthy_loads_build_no_models(tmp_path: Path) -> None:
    """Typer itself may load pydantic, to read the options."""
    modules = imported(tmp_path, "import prelabel_worker.cli.health.healthy")

    assert not roots(modules) & (HEAVY | {"pydantic"})


@pytest.mark.parametrize(
    ("command", "ends_with"),
    [("status --json", 0), ("audit --json", 0), ("wait --timeout 0", 0), ("dead list", 3), ("project pause p", 3)],
)
def test_commands_of_operators_load_no_models_of_messages_and_nothing_that_logs_or_prints_tables(
    tmp_path: Path, redis_url: str, prefix: str, command: str, ends_with: int
) -> None:
    told = {REDIS_URL.variable: redis_url, KEY_PREFIX.variable: prefix}
    modules = after(tmp_path, *command.split(), ends_with=ends_with, **told)

    assert not roots(modules) & (HEAVY - {"pydantic_settings", "zstandard"})
    assert not {name for name in modules if name.startswith(("prelabel.annotations", "prelabel.messages"))}


def test_a_command_loads_no_other_command(tmp_path: Path) -> None:
    modules = after(tmp_path, "actions", "--help")

    folders = {name.split(".")[2] for name in ours(modules) if name.startswith("prelabel_worker.cli.")}
    assert folders == {"commands", "lazy_group", "main", "project", "shared"}
    assert "prelabel_worker.cli.project.create" not in modules
    assert not roots(modules) & {"celery", "httpx"}


def test_the_names_of_a_shell_s_completion_load_no_command(tmp_path: Path) -> None:
    line = {"_PRELABEL_COMPLETE": "complete_bash", "COMP_WORDS": "prelabel dead l", "COMP_CWORD": "2"}

    assert ours(after(tmp_path, **line)) == OF_THE_COMMAND


def test_prelabel_alone_loads_nothing(tmp_path: Path) -> None:
    modules = imported(tmp_path, "import prelabel")

    assert ours(modules) == {"prelabel", "prelabel.lazy"}
    assert roots(modules) == roots(imported(tmp_path, "pass")) | {"prelabel"}


def test_an_error_alone_loads_neither_models_nor_redis(tmp_path: Path) -> None:
    modules = imported(tmp_path, "from prelabel import InboxFull")

    assert ours(modules) == {"prelabel", "prelabel.errors", "prelabel.lazy", "prelabel.printing"}


def test_a_publisher_loads_what_it_publishes_with(tmp_path: Path) -> None:
    modules = imported(tmp_path, "from prelabel import Publisher")

    assert not roots(modules) & (HEAVY - {"zstandard"} | {"typer", "prelabel_worker"})
    assert not {name for name in modules if name.startswith(("prelabel.builders", "prelabel.readers", "prelabel.sdk"))}
