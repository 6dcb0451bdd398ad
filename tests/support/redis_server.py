"""A redis-server that a test starts for itself."""

import subprocess
from pathlib import Path

import pytest
import redis

from prelabel_worker.stack.redis_server import find_redis_server
from tests.support.waiting import wait_for


def start_redis(folder: Path, *options: str, program: str | None = None) -> "subprocess.Popen[bytes]":
    """Start a redis-server on `<folder>/redis.sock`, without a port and without the machine's own server.

    `program` is another server that has the same options.
    """
    socket = folder / "redis.sock"
    program = program or str(find_redis_server())
    command = [program, "--port", "0", "--unixsocket", str(socket), "--dir", str(folder), *options]
    server = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    client = redis.Redis(unix_socket_path=str(socket))

    def answers() -> bool:
        if server.poll() is not None:
            pytest.fail(f"{program} ended with {server.returncode} while it started")
        try:
            return bool(client.ping())
        except redis.ConnectionError:
            return False

    wait_for(answers, "redis-server to answer")
    client.close()
    return server
