"""Build the image's content in a folder, from the Dockerfile's own COPY and RUN lines, without a container engine.

An absolute path of the image is that path below the folder. A virtual environment of the running Python replaces the
base image, so this tests our steps, not the base image. A RUN of the last stage needs root: it is noted and not run.
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
    """A step failed."""

    def __init__(self, finding: Finding) -> None:
        super().__init__(str(finding))
        self.finding = finding


class Image:
    """An image that `build` makes in a folder. After that, `environment` and `words` are those of the last stage."""

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
        """Run every step. Raises Broken if one fails."""
        venv.create(self._root / "base", with_pip=True)
        last = self._instructions[-1].stage
        for each in self._instructions:
            if each.name == "FROM" and each.stage == last:
                self._keep_only(each.stage)
            self._step(each, last)

    @property
    def folder(self) -> Path:
        """Return the working folder."""
        return self._root / self._folder.lstrip("/")

    def local(self, text: str) -> str:
        """Return the text with the image's absolute paths moved below our folder."""
        return _ABSOLUTE.sub(f"{self._root}/", text)

    def words(self, name: str) -> list[str]:
        """Return the words of the last such instruction in exec form."""
        found = [each.exec_form for each in self._instructions if each.name == name]
        if not found or found[-1] is None:
            raise Broken(Finding("Dockerfile", "exec-form", f"no {name} as a JSON array", "one"))
        return found[-1]

    def stop_signal(self) -> signal.Signals:
        """Return the signal that stops a container of the image."""
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
        # pip finds its packages by this machine's settings: environment variables, and files in the home folder.
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
        """Delete the files that the last stage does not copy, since the finished environment must not need them."""
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
    """Return the version of the Python that replaces the base image's."""
    return ".".join(str(part) for part in sys.version_info[:3])
