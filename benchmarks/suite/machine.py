"""The machine and the programs of a run."""

import os
import platform
import re
import subprocess
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

import psutil

from prelabel_worker.stack.redis_server import find_redis_server


def described() -> dict[str, str]:
    """Return facts about this machine, for readers of the results."""
    return {
        "date": datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        "processor": f"{os.cpu_count()} cores, {processor()}",
        "memory": f"{psutil.virtual_memory().total / 2**30:.0f} GiB",
        "system": f"{platform.system()} {platform.release()}",
        "Python": platform.python_version(),
        "Redis": redis_version(),
        "packages": ", ".join(
            f"{name} {version(name)}" for name in ("celery", "redis", "msgspec", "orjson", "labelbox")
        ),
        "load": f"{os.getloadavg()[0]:.1f} running processes in the minute before the run",
    }


def processor() -> str:
    """Return the processor's model."""
    try:
        found = re.search(r"^model name\s*: (.+)$", Path("/proc/cpuinfo").read_text("utf-8"), re.MULTILINE)
    except OSError:
        found = None
    return found[1].strip() if found else platform.machine()


def redis_version() -> str:
    """Return the first words of what the server says about itself, such as `Redis server v=7.0.15`."""
    done = subprocess.run([str(find_redis_server()), "--version"], capture_output=True, text=True, check=False)
    return " ".join(done.stdout.split()[:3])
