"""What the image would hold, made in a folder: the Dockerfile's own COPY and RUN lines, without an engine.

An absolute path of the image is that path below the folder. The base image is an environment of the Python that runs
this, so what is proven is our steps, not the base. What needs root (a RUN of the last stage) is noted and not run.
"""

import os
import re
import shutil
import signal
import subprocess
import sys
import venv
from pathlib import Path

from deploy import dockerfile
from deploy.dockerfile import Instruction
from deploy.finding import Finding
from deploy.ignored import Ignored

_ABSOLUTE = re.compile(r"(?<![\w./:])/(?=(?:opt|source|home|var)/|source\b)")
_SYSTEM_PATH = "/usr/local/bin:/usr/bin:/bin"
_STEP_SECONDS = 300


class Broken(Exception):
    """A step that did not do what it should."""

    def __init__(self, finding: Finding) -> None:
        super().__init__(str(finding))
        self.finding = finding


class Image:
    """Made by `build`; then `environment`, `entrypoint`, `command` and `healthcheck` are those of the last stage."""

    def __init__(self, text: str, source: Path, root: Path) -> None:
        self._instructions = dockerfile.parse(text)
        self._source = source
        self._root = root
        self._folder = "/"
        ignore = source / ".dockerignore"
        self._ignored = Ignored(ignore.read_text("utf-8") if ignore.exists() else "")
        self.environment = {"PATH": f"{root / 'base' / 'bin'}:{_SYSTEM_PATH}"}
        self.not_run: list[str] = []

    def build(self) -> None:
        """Take every step. Raises Broken."""
        venv.create(self._root / "base", with_pip=True)
        last = self._instructions[-1].stage
        for each in self._instructions:
            if each.name == "FROM" and each.stage == last:
                self._keep_only(each.stage)
            self._step(each, last)

    @property
    def folder(self) -> Path:
        """The working folder."""
        return self._root / self._folder.lstrip("/")

    def local(self, text: str) -> str:
        """The image's absolute paths in a text, below our folder."""
        return _ABSOLUTE.sub(f"{self._root}/", text)

    def words(self, name: str) -> list[str]:
        """The exec form of the last such instruction."""
        found = [each.exec_form for each in self._instructions if each.name == name]
        if not found or found[-1] is None:
            raise Broken(Finding("Dockerfile", "exec-form", f"no {name} as a JSON array", "one"))
        return found[-1]

    def stop_signal(self) -> signal.Signals:
        """What a container of the image is stopped with."""
        found = [each.text for each in self._instructions if each.name == "STOPSIGNAL"]
        return signal.Signals[found[-1] if found else "SIGTERM"]

    def _step(self, each: Instruction, last: int) -> None:
        if each.name == "WORKDIR":
            self._folder = each.text
            self.folder.mkdir(parents=True, exist_ok=True)
        elif each.name == "ENV":
            for name, value in dockerfile.pairs(each).items():
                self.environment[name] = dockerfile.expand(self.local(value), self.environment)
        elif each.name == "COPY" and "from" not in each.options:
            self._copy(each.words[:-1], self.folder / each.words[-1])
        elif each.name == "RUN" and each.stage == last:
            self.not_run.append(f"Dockerfile:{each.line}: RUN {each.text}")
        elif each.name == "RUN":
            self._run(each)

    def _copy(self, sources: list[str], target: Path) -> None:
        for source in sources:
            found = self._source / source
            files = [found] if found.is_file() else [path for path in found.rglob("*") if path.is_file()]
            for path in files:
                if self._ignored(path.relative_to(self._source).as_posix()):
                    continue
                to = target / path.relative_to(found) if found.is_dir() else target / path.name
                to.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(path, to)

    def _run(self, each: Instruction) -> None:
        # pip finds its packages as it is told on this machine: by its environment and its owner's files.
        machine = {name: value for name, value in os.environ.items() if name.startswith("PIP_") or name == "HOME"}
        done = subprocess.run(  # noqa: S603 - our own Dockerfile's line
            ["/bin/sh", "-ec", self.local(each.text)],
            cwd=self.folder,
            env=machine | self.environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=_STEP_SECONDS,
        )
        if done.returncode:
            said = (done.stderr or done.stdout).strip()[-800:]
            raise Broken(Finding(f"Dockerfile:{each.line}", "step-runs", f"{each.text}: {said}", "exit code 0"))

    def _keep_only(self, last: int) -> None:
        """Forget what the last stage does not copy: the finished environment must not need it."""
        copies = [each for each in self._instructions if each.stage == last and each.name == "COPY"]
        kept = {source for each in copies if "from" in each.options for source in each.words[:-1]}
        for each in copies:
            if "from" in each.options and each.words[:-1] != each.words[-1:]:
                raise Broken(
                    Finding(f"Dockerfile:{each.line}", "venv-stays", each.text, "the same path in both stages")
                )
        for folder in self._root.iterdir():
            if folder.name != "base" and not any(source.startswith(f"/{folder.name}/") for source in kept):
                shutil.rmtree(folder)


def python_version() -> str:
    """Of the Python that stands for the base image's."""
    return ".".join(str(part) for part in sys.version_info[:3])
