"""Finds the redis-server to use."""

import shutil
from pathlib import Path


def find_redis_server() -> Path:
    return Path(shutil.which("redis-server") or "")
