"""What a release changes in the files of the project. No I/O."""

import re
from collections.abc import Mapping

CHANGELOG = "CHANGELOG.md"
WITH_VERSION = (
    "pyproject.toml",
    "Dockerfile",
    "README.md",
    "deploy/kubernetes/base/kustomization.yaml",
    "deploy/kubernetes/base/submit.yaml",
    "deploy/kubernetes/base/poll.yaml",
    "deploy/kubernetes/base/console.yaml",
    "deploy/kubernetes/base/gateway.yaml",
    "deploy/kubernetes/base/metrics.yaml",
    "deploy/kubernetes/components/bridge/bridge.yaml",
    "deploy/kubernetes/examples/kustomization.yaml",
)
"""The files that name the version of the release."""
_VERSION = re.compile(r"(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)")
_UNRELEASED = "## [Unreleased]\n"


class NoRelease(Exception):
    """A release cannot be made; the text says why, and what to do."""


def check_version(new: str, present: str) -> None:
    """Require a version of three numbers that comes after the present one. Raises NoRelease."""
    if not _VERSION.fullmatch(new):
        raise NoRelease(f"VERSION: found {new!r}; expected three numbers, such as 1.2.3")
    if _numbers(new) <= _numbers(present):
        raise NoRelease(f"VERSION: found {new}; expected a version after {present}, the present one")


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split("."))


def next_version(present: str) -> str:
    """Return the version of the next release without an incompatible change."""
    major, minor, _ = _numbers(present)
    return f"{major}.{minor + 1}.0"


def released(files: Mapping[str, str], present: str, new: str, day: str) -> dict[str, str]:
    """Return the files of a release: with the new version, and a dated section in the changelog. Raises NoRelease."""
    changed = {}
    for name in WITH_VERSION:
        if present not in files[name]:
            raise NoRelease(f"{name}: expected the present version {present}; found none")
        changed[name] = files[name].replace(present, new)
    return changed | {CHANGELOG: _dated(files[CHANGELOG], new, day)}


def _dated(changelog: str, version: str, day: str) -> str:
    before, heading, after = changelog.partition(_UNRELEASED)
    entries = re.split(r"^## ", after, maxsplit=1, flags=re.MULTILINE)[0]
    if not heading or "\n- " not in entries:
        raise NoRelease(f"{CHANGELOG}: expected entries below [Unreleased]; found none: there is nothing to release")
    return f"{before}{heading}\n## [{version}] - {day}\n{after}"


def notes(changelog: str, version: str) -> str:
    """Return the entries of a version, for the page of the release."""
    section = changelog.partition(f"## [{version}]")[2].partition("\n")[2]
    return re.split(r"^## \[", section, maxsplit=1, flags=re.MULTILINE)[0].strip() + "\n"
