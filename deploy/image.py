"""Make the content of the image in a folder, by the COPY and RUN lines of the Dockerfile, without an engine.

An absolute path of the image is a path below the folder. A virtual environment of the running Python stands for the
base image, so this checks our steps, not the base. A RUN of the last stage needs root: it is recorded, but not run.
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
    """A step failed, or had another result than expected."""

    def __init__(self, finding: Finding) -> None:
        super().__init__(str(finding))
        self.finding = finding


class Image:
    """The image, once `build` has made it; `environment` has its variables."""

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
        """Run every instruction. Raises Broken."""
        venv.create(self._root / "base", with_pip=True)
        last = self._instructions[-1].stage
        for instruction in self._instructions:
            if instruction.name == "FROM" and instruction.stage == last:
                self._keep_only(instruction.stage)
            self._step(instruction, last)

    @property
    def folder(self) -> Path:
        """The working folder."""
        return self._root / self._folder.lstrip("/")

    def local(self, text: str) -> str:
        """Return a text with the image's absolute paths replaced by paths below our folder."""
        return _ABSOLUTE.sub(f"{self._root}/", text)

    def words(self, name: str) -> list[str]:
        """Return the words of the last instruction of this name. Raises Broken if they are not in exec form."""
        forms = [instruction.exec_form for instruction in self._instructions if instruction.name == name]
        if not forms or forms[-1] is None:
            raise Broken(Finding("Dockerfile", "exec-form", f"no {name} as a JSON array", "one"))
        return forms[-1]

    def stop_signal(self) -> signal.Signals:
        """Return the signal that stops a container of the image."""
        names = [instruction.text for instruction in self._instructions if instruction.name == "STOPSIGNAL"]
        return signal.Signals[names[-1] if names else "SIGTERM"]

    def _step(self, instruction: Instruction, last: int) -> None:
        if instruction.name == "WORKDIR":
            self._folder = instruction.text
            self.folder.mkdir(parents=True, exist_ok=True)
        elif instruction.name == "ENV":
            for name, value in dockerfile.pairs(instruction).items():
                self.environment[name] = dockerfile.expand(self.local(value), self.environment)
        elif instruction.name == "COPY" and "from" not in instruction.options:
            self._copy(instruction.words[:-1], self.folder / instruction.words[-1])
        elif instruction.name == "RUN" and instruction.stage == last:
            self.not_run.append(f"Dockerfile:{instruction.line}: RUN {instruction.text}")
        elif instruction.name == "RUN":
            self._run(instruction)

    def _copy(self, sources: list[str], target: Path) -> None:
        for source in sources:
            origin = self._source / source
            files = [origin] if origin.is_file() else [path for path in origin.rglob("*") if path.is_file()]
            for path in files:
                if self._ignored(path.relative_to(self._source).as_posix()):
                    continue
                to = target / path.relative_to(origin) if origin.is_dir() else target / path.name
                to.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(path, to)

    def _run(self, instruction: Instruction) -> None:
        # pip needs this machine's own configuration: variables, and files in the home folder.
        machine = {name: value for name, value in os.environ.items() if name.startswith("PIP_") or name == "HOME"}
        done = subprocess.run(  # noqa: S603 - our own Dockerfile's line
            ["/bin/sh", "-ec", self.local(instruction.text)],
            cwd=self.folder,
            env=machine | self.environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=_STEP_SECONDS,
        )
        if done.returncode:
            output = (done.stderr or done.stdout).strip()[-800:]
            raise Broken(
                Finding(f"Dockerfile:{instruction.line}", "step-runs", f"{instruction.text}: {output}", "exit code 0")
            )

    def _keep_only(self, last: int) -> None:
        """Remove what the last stage does not copy: the finished environment must not need it."""
        copies = [
            instruction
            for instruction in self._instructions
            if instruction.stage == last and instruction.name == "COPY"
        ]
        kept = {source for instruction in copies if "from" in instruction.options for source in instruction.words[:-1]}
        for instruction in copies:
            if "from" in instruction.options and instruction.words[:-1] != instruction.words[-1:]:
                raise Broken(
                    Finding(
                        f"Dockerfile:{instruction.line}", "venv-stays", instruction.text, "the same path in both stages"
                    )
                )
        for folder in self._root.iterdir():
            if folder.name != "base" and not any(source.startswith(f"/{folder.name}/") for source in kept):
                shutil.rmtree(folder)


def python_version() -> str:
    """Return the version of the Python that stands for the base image's."""
    return ".".join(str(part) for part in sys.version_info[:3])
