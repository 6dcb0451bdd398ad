"""Check that every dependency has a wheel for each Python and platform that we support: `python -m tests.wheels`.

pip resolves for another Python and another machine and installs nothing. It judges the markers of foreign packages by
the Python that runs it; those of our own requirements are judged here.
"""

import itertools
import re
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from packaging.markers import default_environment
from packaging.requirements import Requirement

WITHOUT = "labelbox"
"""The SDK: pyGeoTile, which it asks for, is published as source alone, and is pure Python."""
ROOT = Path(__file__).parents[1]
PLATFORMS = {
    ("linux", "x86_64"): ("manylinux_2_28_{}", "manylinux_2_24_{}", "manylinux_2_17_{}", "manylinux2014_{}"),
    ("linux", "aarch64"): ("manylinux_2_28_{}", "manylinux_2_24_{}", "manylinux_2_17_{}", "manylinux2014_{}"),
    ("darwin", "x86_64"): ("macosx_14_0_{}",),
    ("darwin", "arm64"): ("macosx_14_0_{}",),
}
"""What wheels for a platform are called; pip adds the older releases of macOS by itself."""

_UNREACHABLE = re.compile(r"Retrying \(|Max retries exceeded|NewConnectionError|Temporary failure in name resolution")


def pythons(project: dict[str, Any]) -> list[str]:
    """Return the versions that the classifiers name."""
    found = (re.fullmatch(r"Programming Language :: Python :: (3\.\d+)", each) for each in project["classifiers"])
    return [match[1] for match in found if match]


def requirements(project: dict[str, Any], python: str, system: str, machine: str) -> list[str]:
    """Return the requirements of the project and of all its extras that apply there, without their markers."""
    there: dict[str, Any] = {
        **default_environment(),
        "python_version": python,
        "python_full_version": f"{python}.0",
        "sys_platform": system,
        "platform_machine": machine,
    }
    extras: Iterable[list[str]] = project["optional-dependencies"].values()
    parsed = [Requirement(each) for each in itertools.chain(project["dependencies"], *extras)]
    found = [each for each in parsed if each.name != project["name"]]
    return [str(each).partition(";")[0].strip() for each in found if not each.marker or each.marker.evaluate(there)]


def resolve(python: str, system: str, machine: str, wanted: Iterable[str]) -> str | None:
    """Return why pip finds no wheels for this, or None. Raises ConnectionError if the service cannot be reached."""
    tags = [tag.format(machine) for tag in PLATFORMS[system, machine]]
    with tempfile.TemporaryDirectory() as nowhere:
        done = subprocess.run(
            [sys.executable, "-m", "pip", "install", "--dry-run", "--quiet", "--disable-pip-version-check"]
            + ["--retries", "2", "--timeout", "15", "--ignore-installed", "--target", nowhere]
            + ["--only-binary=:all:", "--python-version", python, "--constraint", "constraints.txt"]
            + [word for tag in tags for word in ("--platform", tag)]
            + list(wanted),
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=False,
        )
    if done.returncode and _UNREACHABLE.search(done.stderr):
        raise ConnectionError
    return done.stderr.strip().rpartition("\n")[2] if done.returncode else None


def main() -> int:
    """Check each combination; exit code 1 if one lacks a wheel. Says so where the service cannot be reached."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    bad = 0
    for python, (system, machine) in itertools.product(pythons(project), PLATFORMS):
        wanted = [each for each in requirements(project, python, system, machine) if Requirement(each).name != WITHOUT]
        try:
            reason = resolve(python, system, machine, wanted)
        except ConnectionError:
            print("wheels: SKIPPED: the package service cannot be reached")
            return bad
        bad += reason is not None
        print(f"wheels: Python {python}, {system} {machine}, {len(wanted)} requirements: {reason or 'ok'}", flush=True)
    return min(bad, 1)


if __name__ == "__main__":
    sys.exit(main())
