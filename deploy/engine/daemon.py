"""A container engine of our own: Docker's daemon in namespaces of its own, which takes everything along when it ends.

Its bridges and its packet filter are in a network namespace, so this machine's are never touched; its containers are in
a namespace of processes, so none outlives it; its mounts are seen by nobody else.
"""

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from deploy.engine.failure import Failure

_START_SECONDS = 60.0
_END_SECONDS = 60.0
_COMMAND_SECONDS = 900.0
_NAMESPACES = ("--mount", "--pid", "--fork", "--kill-child", "--mount-proc")
#: A trial that is killed takes its daemon along.
_END_WITH_PARENT = ("setpriv", "--pdeathsig", "KILL")
#: It has no bridge by default, and none of its own rules before a network is made.
_OPTIONS = ("--bridge", "none")
_WITH_THE_MACHINES_NETWORK = ("--iptables=false", "--ip-forward=false")


def missing() -> str:
    """Return why no engine can be started on this machine; empty if one can."""
    if sys.platform != "linux" or os.geteuid() != 0:
        return "it needs Linux and root"
    programs = [
        name for name in ("dockerd", "docker", "unshare", "nsenter", "setpriv", "debootstrap") if not shutil.which(name)
    ]
    if programs:
        return f"{' and '.join(programs)} cannot be found (Debian: docker.io, debootstrap, iptables)"
    compose = subprocess.run(["docker", "compose", "version"], capture_output=True, text=True, check=False)  # noqa: S607
    return "" if compose.returncode == 0 else "`docker compose`, the plugin of version 2, is missing"


class Daemon:
    """A running daemon with its state in a folder.

    `isolated`: its containers reach each other and nothing else. Otherwise they may use this machine's network, as
    the steps of a build must, and there are no networks of containers.
    """

    def __init__(self, folder: Path, *, isolated: bool) -> None:
        self._folder = folder
        self._isolated = isolated
        self._socket = f"unix://{folder / 'docker.sock'}"
        self._log = folder / "dockerd.log"
        self._process: subprocess.Popen[bytes]

    def __enter__(self) -> Self:
        options = [*_OPTIONS, *(() if self._isolated else _WITH_THE_MACHINES_NETWORK)]
        command = ["dockerd", "--data-root", str(self._folder / "data"), "--exec-root", str(self._folder / "exec")]
        command += ["--host", self._socket, "--pidfile", str(self._folder / "dockerd.pid"), *options]
        network = ["--net"] if self._isolated else []
        script = 'ip link set lo up; exec "$@"' if self._isolated else 'exec "$@"'
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(  # noqa: S603 - our own command
                [*_END_WITH_PARENT, "unshare", *network, *_NAMESPACES, "sh", "-c", script, "sh", *command],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        self._wait_until_it_answers()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        os.kill(self._child(), signal.SIGTERM)
        try:
            self._process.wait(_END_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()  # the daemon, and with it every process of its namespace
            self._process.wait()

    def run(self, *words: str, stdin: bytes = b"", folder: Path | None = None) -> str:
        """Run `docker` with these words and return what it printed. Raises Failure unless the exit code is 0."""
        return self.output(*words, stdin=stdin, folder=folder).decode("utf-8", "replace").strip()

    def output(
        self,
        *words: str,
        stdin: bytes = b"",
        folder: Path | None = None,
        environment: dict[str, str] | None = None,
        expected: Sequence[int] = (0,),
    ) -> bytes:
        """Run `docker` with these words and return its standard output. Raises Failure for another exit code."""
        done = subprocess.run(  # noqa: S603 - our own command
            ["docker", *words],  # noqa: S607
            input=stdin,
            capture_output=True,
            check=False,
            cwd=folder,
            env=self._environment | (environment or {}),
            timeout=_COMMAND_SECONDS,
        )
        if done.returncode not in expected:
            said = (done.stdout + done.stderr).decode("utf-8", "replace").strip()[-1500:]
            raise Failure(f"docker {' '.join(words)}: exit code {done.returncode}: {said}")
        return bytes(done.stdout)

    def start(self, *words: str, stdin: bytes) -> "subprocess.Popen[bytes]":
        """Start `docker` with these words and this input, and return the process."""
        process = subprocess.Popen(  # noqa: S603 - our own command
            ["docker", *words],  # noqa: S607
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env=self._environment,
        )
        assert process.stdin is not None  # noqa: S101 - it was asked for
        process.stdin.write(stdin)
        process.stdin.close()
        process.stdin = None  # so that `communicate` does not close it again
        return process

    @property
    def _environment(self) -> dict[str, str]:
        # The classic builder: the other one is a plugin that Debian does not install with the daemon.
        return dict(os.environ) | {"DOCKER_HOST": self._socket, "DOCKER_BUILDKIT": "0"}

    def kill(self, container: str) -> None:
        """Send SIGKILL to a container's first process, as a crash would, so that the engine starts it again."""
        pid = self.run("inspect", "--format", "{{.State.Pid}}", container)
        subprocess.run(  # noqa: S603 - our own command
            ["nsenter", "--target", str(self._child()), "--mount", "--pid", "kill", "-9", pid],  # noqa: S607
            check=True,
            timeout=30,
        )

    def _child(self) -> int:
        """Return the id of the daemon's process, as this machine's namespace has it."""
        children = Path(f"/proc/{self._process.pid}/task/{self._process.pid}/children").read_text("ascii").split()
        return int(children[0])

    def _wait_until_it_answers(self) -> None:
        deadline = time.monotonic() + _START_SECONDS
        while True:
            try:
                self.run("info")
                return
            except Failure:
                if self._process.poll() is not None or time.monotonic() > deadline:
                    log = self._log.read_text("utf-8", "replace")[-1500:]
                    self._process.kill()
                    raise Failure(f"dockerd does not start: {log}") from None
            time.sleep(0.2)
