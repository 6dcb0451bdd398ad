"""The images of a trial: the two that a registry would give, made from Debian's packages, and ours, as it stands."""

import shutil
import subprocess
from pathlib import Path

from deploy.engine.daemon import Daemon
from deploy.engine.failure import expect

BASE = "prelabel-base:trial"
_DEBIAN = "bookworm"
_PACKAGES = "python3,python3-venv,python3-pip,ca-certificates"
_CERTIFICATES = Path("/etc/ssl/certs/ca-certificates.crt")
#: Has what the official image of Redis has and the compose file relies on: user 999, the owner of /data.
_REDIS = f"""
FROM {BASE}
RUN groupadd --system --gid 999 redis && useradd --system --uid 999 --gid 999 redis \\
 && apt-get update -qq && apt-get install --yes -qq --no-install-recommends redis-server \\
 && install --directory --owner=999 --group=999 /data
WORKDIR /data
"""


def make_base(daemon: Daemon, folder: Path) -> None:
    """Make the image that stands for `python:…-slim`: a minimal Debian with its Python."""
    root = folder / "base"
    command = ["debootstrap", "--variant=minbase", f"--include={_PACKAGES}", _DEBIAN, str(root)]
    made = subprocess.run(command, check=False, capture_output=True, text=True, timeout=900)  # noqa: S603 - our own command
    expect(made.returncode == 0, "debootstrap", made.stderr[-500:] or made.stdout[-500:], "Debian's packages")
    (root / "usr/bin/python").symlink_to("python3")
    if _CERTIFICATES.exists():  # with an authority of this machine's own, should it need one to reach the packages
        shutil.copyfile(_CERTIFICATES, root / str(_CERTIFICATES).lstrip("/"))
    packed = folder / "base.tar"
    subprocess.run(["tar", "-C", str(root), "-cf", str(packed), "."], check=True, timeout=300)  # noqa: S603, S607
    daemon.run("import", str(packed), BASE)
    packed.unlink()
    shutil.rmtree(root)


def make_redis(daemon: Daemon, tag: str) -> None:
    """Make the image that stands for the one of Redis that the compose file names."""
    daemon.run("build", "--network", "host", "--tag", tag, "-", stdin=_REDIS.encode())


def build(daemon: Daemon, source: Path, tag: str) -> int:
    """Build the Dockerfile of a folder, as it stands; return the size of the image in bytes."""
    arguments = ("--network", "host", "--build-arg", f"BASE={BASE}", "--tag", tag)
    daemon.run("build", *arguments, ".", folder=source)
    return int(daemon.run("image", "inspect", "--format", "{{.Size}}", tag))
