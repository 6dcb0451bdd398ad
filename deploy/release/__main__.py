"""Make a release in one command: `python -m deploy.release VERSION [--dry-run]`.

It works in a copy of the committed files. There it sets the version and dates the changelog's entries, builds the wheel
and the archive of sources, installs the wheel in a clean environment, lists what is in it (CycloneDX), and builds the
image where an engine answers. What it made is then in `dist/`. Only without `--dry-run` are the changed files committed
here and tagged; nothing is pushed or uploaded, and the last lines say how to.
"""

import argparse
import shutil
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from deploy import sources
from deploy.release import texts
from deploy.release.texts import NoRelease
from deploy.sources import ROOT

DIST = ROOT / "dist"
_EXTRAS = "console,gateway,sandbox,worker"
_LISTER = "cyclonedx-bom>=7,<8"


def main() -> int:
    """Make it and return 0; else say why not and return 1."""
    parser = argparse.ArgumentParser(prog="release", description="Make a release.")
    parser.add_argument("version", nargs="?", help="the new version; with --dry-run the next minor one by default")
    parser.add_argument("--dry-run", action="store_true", help="build everything, and change and tag nothing")
    options = parser.parse_args()
    try:
        with tempfile.TemporaryDirectory(prefix="prelabel-release-") as folder:
            make(options.version, Path(folder), dry=options.dry_run)
    except NoRelease as why:
        _say(str(why))
        return 1
    return 0


def make(version: str | None, folder: Path, *, dry: bool) -> None:
    """Make the release of this version. Raises NoRelease."""
    present = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["version"]
    if version is None:
        if not dry:
            raise NoRelease("VERSION: expected a version, as in `make release VERSION=1.2.3`")
        version = texts.next_version(present)
    texts.check_version(version, present)
    if not dry and _git("status", "--porcelain"):
        raise NoRelease("the working tree has changes: commit them first, since a release is made of what is committed")
    copy = _copy(folder)
    names = (*texts.WITH_VERSION, texts.CHANGELOG)
    files = {name: (copy / name).read_text("utf-8") for name in names}
    changed = texts.released(files, present, version, datetime.now(UTC).date().isoformat())
    for name, text in changed.items():
        (copy / name).write_text(text, "utf-8")
    made = [*_build(copy, folder), _list_contents(copy, folder, version)]
    made.append(folder / f"prelabel-{version}-notes.md")
    made[-1].write_text(texts.notes(changed[texts.CHANGELOG], version), "utf-8")
    _build_image(copy, version)
    DIST.mkdir(exist_ok=True)
    for path in made:
        shutil.copy(path, DIST / path.name)
        _say(f"made dist/{path.name}")
    if dry:
        _say(f"release {version}: every step passed; nothing was changed or tagged")
        return
    for name, text in changed.items():
        (ROOT / name).write_text(text, "utf-8")
    _git("commit", "--quiet", "--all", "--message", f"Release {version}")
    _git("tag", "--annotate", f"v{version}", "--message", f"Release {version}")
    _say(f"release {version} is committed and tagged; to publish it: git push --follow-tags, then")
    _say(f"twine upload dist/prelabel-{version}*.whl dist/prelabel-{version}.tar.gz, and push the image")


def _copy(folder: Path) -> Path:
    copy = folder / "sources"
    if not sources.unpack("HEAD", copy):
        raise NoRelease("git has no commit here: a release is made of what is committed")
    return copy


def _build(copy: Path, folder: Path) -> list[Path]:
    """Build the wheel and the archive of sources."""
    _run([sys.executable, "-m", "build", "--outdir", str(folder / "dist"), str(copy)])
    return sorted((folder / "dist").iterdir())


def _list_contents(copy: Path, folder: Path, version: str) -> Path:
    """Install the wheel in a clean environment, and list what is in it."""
    (wheel,) = (folder / "dist").glob("*.whl")
    clean, lister, listed = folder / "clean", folder / "lister", folder / f"prelabel-{version}.cdx.json"
    _install(clean, "--constraint", str(copy / "constraints.txt"), f"{wheel}[{_EXTRAS}]")
    _install(lister, _LISTER)
    said = _run([str(clean / "bin/prelabel"), "--version"])
    if version not in said:
        raise NoRelease(f"the installed command says {said!r}; expected {version}")
    pyproject = ("--pyproject", str(copy / "pyproject.toml"), "--output-reproducible", "-o", str(listed))
    _run([str(lister / "bin/cyclonedx-py"), "environment", *pyproject, str(clean)])
    return listed


def _install(environment: Path, *words: str) -> None:
    """Make an environment for one use, without bytecode or a pip of its own, and install packages in it."""
    _run([sys.executable, "-m", "venv", "--without-pip", str(environment)])
    pip = (sys.executable, "-m", "pip", "--python", str(environment / "bin/python"))
    _run([*pip, "install", "--quiet", "--no-compile", "--disable-pip-version-check", *words])


def _build_image(copy: Path, version: str) -> None:
    docker = shutil.which("docker")
    if docker is None or subprocess.run([docker, "info"], capture_output=True, check=False).returncode:  # noqa: S603
        _say("not built: the image, since no container engine answers; `make deploy-test` builds it on one of its own")
        return
    _run([docker, "build", "--tag", f"prelabel:{version}", "--build-arg", f"VERSION={version}", str(copy)])
    _say(f"made the image prelabel:{version}")


def _git(*words: str) -> str:
    return _run(["git", *words], folder=ROOT)


def _run(command: Sequence[str], folder: Path | None = None) -> str:
    """Run a command and return what it printed. Raises NoRelease."""
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)  # noqa: S603 - our own
    if done.returncode:
        raise NoRelease(f"{' '.join(command)}: exit code {done.returncode}: {(done.stderr or done.stdout)[-1500:]}")
    return done.stdout.strip()


def _say(text: str) -> None:
    print(f"release: {text}", flush=True)  # noqa: T201


if __name__ == "__main__":
    sys.exit(main())
