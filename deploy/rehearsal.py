"""Rehearse the compose file: start, watch, use and stop its services, with the sandbox, as processes."""

import json
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from deploy import compose
from deploy.finding import Finding
from deploy.image import Broken, Image
from prelabel_worker.stack import redis_server
from prelabel_worker.stack.processes import Processes

REDIS_PORT, SANDBOX_PORT, METRICS_PORT, CONSOLE_PORT = "6379", "8970", "9464", "8980"
_NO_WORKER = "no worker of this host ticks into Redis"
_SETTLED = {"published": 3, "imported": 2, "dead": 1}
"""The expected outcomes of examples/predictions.ndjson in the project of deploy/sandbox-project.json."""


class Rehearsal:
    """One run, in a folder that holds a built image."""

    def __init__(self, image: Image, document: dict[str, Any], source: Path, root: Path, patience: float = 40) -> None:
        self._image = image
        self._services = compose.services(document)
        self._source = source
        self._root = root
        self._patience = patience  # seconds to wait for a service to become healthy, and for rows to be settled
        ports = (REDIS_PORT, SANDBOX_PORT, METRICS_PORT, CONSOLE_PORT)
        self._ports = {port: str(redis_server.free_port()) for port in ports}
        self._processes = Processes(root / "logs")
        self._started: dict[str, subprocess.Popen[bytes]] = {}
        self._redis_server = redis_server.find_redis_server()

    def run(self) -> None:
        """Run every step. Raises Broken at the first that fails."""
        self._says("entrypoint", [*self._image.words("ENTRYPOINT"), "--help"], 0, "Usage")
        self._says("health-without-redis", self._image.words("HEALTHCHECK"), 4, "does not answer")
        before = self._files()
        try:
            self._start_redis()
            self._says("health-without-worker", self._image.words("HEALTHCHECK"), 1, _NO_WORKER)
            self._start("sandbox")
            self._start("worker")
            self._start("metrics")
            self._start("console")
            self._use()
            self._stop_worker()
        finally:
            self._processes.stop()
        written = sorted(str(path) for path in self._files() - before)
        self._expect(
            not written, "read-only", f"written in the image: {written[:3]}", "files on volumes and tmpfs only"
        )

    def _start_redis(self) -> None:
        service = self._services["redis"]
        words = compose.words(service["command"])
        self._write_shims()
        self._not_healthy_yet("redis")
        data = self._root / "volumes" / "redis"
        data.mkdir(parents=True)
        command = [*self._resolved(words), "--bind", "127.0.0.1", "--port", self._ports[REDIS_PORT]]
        environment = self._environment(service)
        self._processes.start("redis", [*command, "--dir", str(data)], environment=environment, folder=data)
        self._healthy("redis")

    def _start(self, name: str) -> None:
        service = self._services[name]
        for volume in service.get("volumes", ()):
            Path(self._local(volume.partition(":")[2])).mkdir(parents=True, exist_ok=True)
        self._not_healthy_yet(name)
        entry = compose.words(service.get("entrypoint")) or self._image.words("ENTRYPOINT")
        command = [self._local(word) for word in (*entry, *compose.words(service.get("command")))]
        grace = compose.seconds(service["stop_grace_period"])
        self._started[name] = self._processes.start(
            name,
            self._resolved(command),
            environment=self._environment(service),
            folder=self._image.folder,
            grace=grace,
        )
        self._healthy(name)

    def _use(self) -> None:
        """Run the commands of docs/how-to/deploy-with-containers.md, and check what became of the rows."""
        url = f"http://127.0.0.1:{self._ports[SANDBOX_PORT]}"
        example, created = self._source / "examples/predictions.ndjson", self._source / "deploy/sandbox-project.json"
        project = ["prelabel", "sandbox", "project", "-", "--url", url]
        self._says("sandbox-project", project, 0, "is in the sandbox", created)
        self._says("publish", ["prelabel", "publish", "-"], 0, "published 3", example)
        self._says("wait", ["prelabel", "wait", "--timeout", str(self._patience)], 1)
        (project_status,) = json.loads(self._says("status", ["prelabel", "status", "--json"], 0).stdout)["projects"]
        counts = {name: project_status[name] for name in _SETTLED}
        self._expect(counts == _SETTLED, "rows-arrive", str(counts), str(_SETTLED))

    def _stop_worker(self) -> None:
        service = self._services["worker"]
        grace = compose.seconds(service["stop_grace_period"])
        worker = self._started["worker"]
        worker.send_signal(self._image.stop_signal())
        try:
            ended = f"exit code {worker.wait(grace)}"
        except subprocess.TimeoutExpired:
            ended = f"no end after {grace:.0f} s"
        self._expect(ended == "exit code 0", "warm-stop", f"{ended}: {self._log('worker')}", "exit code 0 in time")

    def _healthy(self, name: str) -> None:
        deadline = time.monotonic() + self._patience
        while (done := self._probe(name)).returncode:
            if self._processes.dead() or time.monotonic() > deadline:
                found = f"exit code {done.returncode}: {done.stderr.strip()[-300:]} {self._log(name)}"
                raise Broken(Finding(compose.FILE, "becomes-healthy", f"{name}: {found}", "exit code 0"))
            time.sleep(0.2)

    def _not_healthy_yet(self, name: str) -> None:
        code = self._probe(name).returncode
        self._expect(code != 0, "health-can-fail", f"{name}: 0 before it was started", "another exit code")

    def _probe(self, name: str) -> "subprocess.CompletedProcess[str]":
        kind, *words = self._services[name]["healthcheck"]["test"]
        command = ["/bin/sh", "-c", words[0]] if kind == "CMD-SHELL" else words
        return self._call([self._local(word) for word in command], self._environment(self._services[name]))

    def _says(
        self, rule: str, command: list[str], code: int, text: str = "", stdin: Path | None = None
    ) -> "subprocess.CompletedProcess[str]":
        """Run a command in the worker's environment. Raises Broken unless it ends with `code` and prints `text`."""
        done = self._call(command, self._environment(self._services["worker"]), stdin)
        output = (done.stdout + done.stderr).strip()
        found = f"exit code {done.returncode}: {output[-400:]}"
        self._expect(done.returncode == code and text in output, rule, found, f"exit code {code} and {text!r}")
        return done

    def _call(
        self, command: list[str], environment: dict[str, str], stdin: Path | None = None
    ) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(  # noqa: S603 - our own files' commands
            self._resolved(command),
            env=environment,
            cwd=self._image.folder,
            input=stdin.read_text("utf-8") if stdin else "",
            capture_output=True,
            text=True,
            check=False,
            timeout=self._patience + 60,
        )

    def _resolved(self, command: list[str]) -> list[str]:
        program = shutil.which(command[0], path=self._path())
        if program is None:
            raise Broken(Finding(compose.FILE, "command-exists", command[0], "a program of the image"))
        return [program, *command[1:]]

    def _path(self) -> str:
        return f"{self._root / 'shims'}:{self._image.environment['PATH']}"

    def _environment(self, service: dict[str, Any]) -> dict[str, str]:
        of_service = {name: self._local(value) for name, value in compose.environment(service).items()}
        home = {"HOME": str(self._root / "home" / "prelabel")}
        return home | self._image.environment | of_service | {"PATH": self._path()}

    def _local(self, text: str) -> str:
        """Return a text with the services' addresses and the image's paths as they are on this machine."""
        for port, other in self._ports.items():
            text = text.replace(f"redis:{port}", f"127.0.0.1:{other}").replace(f"sandbox:{port}", f"127.0.0.1:{other}")
            text = text.replace(port, other)
        return self._image.local(text)

    def _write_shims(self) -> None:
        """Write commands that stand for the image's redis-server and redis-cli, which must use our port."""
        beside = self._redis_server.with_name("redis-cli")
        installed = beside if beside.exists() else shutil.which("redis-cli") or shutil.which("valkey-cli")
        real = f'"{installed}"' if installed else f'"{sys.executable}" "{Path(__file__).with_name("redis_cli.py")}"'
        shims = {"redis-cli": f"{real} -p {self._ports[REDIS_PORT]}", "redis-server": f'"{self._redis_server}"'}
        (self._root / "shims").mkdir()
        for name, program in shims.items():
            shim = self._root / "shims" / name
            shim.write_text(f'#!/bin/sh\nexec {program} "$@"\n')
            shim.chmod(0o755)

    def _files(self) -> set[Path]:
        """Return the image's files, without those of volumes."""
        volumes = self._root / "var"
        tops = [self._root / "opt", self._image.folder]
        return {path for top in tops for path in top.rglob("*") if volumes not in path.parents}

    def _log(self, name: str) -> str:
        file = self._root / "logs" / f"{name}.log"
        return file.read_text("utf-8", "replace").strip()[-400:] if file.exists() else ""

    @staticmethod
    def _expect(holds: bool, rule: str, found: str, expected: str) -> None:
        if not holds:
            raise Broken(Finding(compose.FILE, rule, found, expected))
