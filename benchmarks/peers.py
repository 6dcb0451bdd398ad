"""The environments of the peers: packages that cannot be, or should not be, in the environment of the project."""

import subprocess
import sys
import venv
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[1]
FOLDER = ROOT / "build/peers"
FLUSH_EVERY = 500
"""The tasks in a batch of celery-batches."""


class NoPeer(Exception):
    """The packages of a peer could not be installed; the text says why."""


@dataclass(frozen=True)
class Peer:
    """A peer and what it is made of."""

    #: The folder of its environment.
    name: str
    #: What pip installs.
    requirements: tuple[str, ...]

    @property
    def python(self) -> Path:
        return FOLDER / self.name / "bin/python"

    @property
    def note(self) -> Path:
        """The file beside the environment that says what was installed completely."""
        return FOLDER / f"{self.name}.txt"

    def is_installed(self) -> bool:
        """Return whether the environment has these requirements."""
        wanted = "\n".join(self.requirements)
        return self.python.exists() and self.note.is_file() and self.note.read_text("utf-8") == wanted


# Beside celery-batches: what validating and rendering a row imports.
BATCHES = Peer(
    "celery-batches",
    ("celery[redis]>=5.6,<5.7", "celery-batches==0.11", "msgspec<1", "orjson<4", "pydantic<3", "zstandard<1"),
)
SDK = Peer("sdk", ("labelbox[data]==7.17.*",))


def installed(peer: Peer) -> Path:
    """Return the Python of the peer's environment, which is made when it is not there.

    Raises NoPeer if pip cannot install it.
    """
    if peer.is_installed():
        return peer.python
    print(f"installing {', '.join(peer.requirements)}", file=sys.stderr, flush=True)
    try:
        venv.create(FOLDER / peer.name, clear=True, with_pip=True)
    except (OSError, subprocess.CalledProcessError) as error:
        raise NoPeer(f"{peer.name}: no environment: {error}") from error
    pip = [str(peer.python), "-m", "pip", "--quiet", "--disable-pip-version-check", "--retries", "2", "--timeout", "15"]
    done = subprocess.run([*pip, "install", *peer.requirements], capture_output=True, text=True, check=False)
    if done.returncode:
        lines = done.stderr.strip().splitlines()
        raise NoPeer(f"{peer.name} cannot be installed: {lines[-1] if lines else 'pip gives no reason'}")
    peer.note.write_text("\n".join(peer.requirements), "utf-8")
    return peer.python
