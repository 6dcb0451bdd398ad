"""Keep the stack's ports, password and key from one start to the next, so that programs that have them stay connected.

The file lies beside the rows, so the addresses of two sets of rows differ: a publisher never sends to other rows.
"""

import re
import secrets
import socket
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

import orjson

from prelabel.access_tokens import new_token
from prelabel.private_files import check_regular, replace
from prelabel_worker.stack import private
from prelabel_worker.stack.redis_server import free_port, new_password

NAME = "addresses.json"
_SECRET = re.compile(r"[A-Za-z0-9_-]+")
_FREE_WITHIN_SECONDS = 5.0
"""How long the processes of a stack that was killed may take to leave their ports."""
_LOOK_SECONDS = 0.1


@dataclass(frozen=True, slots=True)
class Addresses:
    """Where the stack's Redis, sandbox, console and gateway listen, and the secrets that they ask for."""

    #: The port of Redis.
    redis_port: int
    #: The password of Redis.
    redis_password: str
    #: The port of the sandbox.
    sandbox_port: int
    #: The sandbox's API key.
    sandbox_key: str
    #: The port of the console; 0 in the file of a release without one.
    console_port: int = 0
    #: The token with which the console lets its holder do everything; empty in the file of a release without one.
    console_token: str = ""
    #: The port of the gateway; 0 in the file of a release without one.
    gateway_port: int = 0
    #: The token with which programs publish over HTTP; empty in the file of a release without one.
    gateway_token: str = ""

    @property
    def redis_url(self) -> str:
        """The URL of Redis, with its password."""
        return f"redis://:{self.redis_password}@127.0.0.1:{self.redis_port}/0"


def keep(folder: Path, tell: Callable[[str], None]) -> Addresses:
    """Return the addresses that this folder keeps; make and keep new ones for what is missing or taken.

    `tell` gets a line for each kept address that cannot be used. Raises OSError if the file cannot be written.
    """
    private.make_folder(folder)
    kept = _read(folder / NAME, tell)
    redis_port = _port(kept.redis_port if kept else 0, "Redis", "PRELABEL_REDIS_URL", tell)
    sandbox_port = _port(kept.sandbox_port if kept else 0, "the sandbox", "PRELABEL_LABELBOX_ENDPOINT", tell)
    password = kept.redis_password if kept else new_password()
    key = kept.sandbox_key if kept else f"sandbox-{secrets.token_hex(12)}"
    console_port = _port(kept.console_port if kept else 0, "the console", "", tell)
    token = (kept.console_token if kept else "") or new_token()
    gateway_port = _port(kept.gateway_port if kept else 0, "the gateway", "PRELABEL_GATEWAY_URL", tell)
    gateway_token = (kept.gateway_token if kept else "") or new_token()
    addresses = Addresses(redis_port, password, sandbox_port, key, console_port, token, gateway_port, gateway_token)
    if addresses != kept:
        replace(folder / NAME, orjson.dumps(asdict(addresses)))
    return addresses


def _read(path: Path, tell: Callable[[str], None]) -> Addresses | None:
    try:
        check_regular(path)
        fields = orjson.loads(path.read_bytes())
        ports, texts = ["redis_port", "sandbox_port"], ["redis_password", "sandbox_key"]
        for part in ("console", "gateway"):
            if isinstance(fields, dict) and f"{part}_port" in fields:
                ports.append(f"{part}_port")
                texts.append(f"{part}_token")
        if not all(type(fields[name]) is int and 0 < fields[name] < 65536 for name in ports):
            raise ValueError
        if not all(isinstance(fields[name], str) and _SECRET.fullmatch(fields[name]) for name in texts):
            raise ValueError
        return Addresses(**{name: fields[name] for name in (*ports, *texts)})
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError):
        tell(f"{path} cannot be read, so the ports and the password are new: connect other programs again")
        return None


def _port(kept: int, subject: str, variable: str, tell: Callable[[str], None]) -> int:
    """Return the kept port if nobody else listens there, else a free one."""
    if kept and _becomes_free(kept):
        return kept
    port = free_port()
    if kept:
        tell(
            f"port {kept}, which {subject} had, is taken by another process: {subject} listens on port {port} now"
            + (f"; set {variable} again where you have set it" if variable else "")
        )
    return port


def _becomes_free(port: int) -> bool:
    deadline = time.monotonic() + _FREE_WITHIN_SECONDS
    while not _is_free(port):
        if time.monotonic() > deadline:
            return False
        time.sleep(_LOOK_SECONDS)
    return True


def _is_free(port: int) -> bool:
    with socket.socket() as probe, suppress(OSError):
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # connections that have ended do not count
        probe.bind(("127.0.0.1", port))
        return True
    return False
