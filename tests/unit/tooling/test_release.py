"""What a release changes in the files, and what it refuses."""

from pathlib import Path

import pytest

from deploy.release import texts
from deploy.release.texts import NoRelease

ROOT = Path(__file__).parents[3]
FILES = {name: (ROOT / name).read_text("utf-8") for name in (*texts.WITH_VERSION, texts.CHANGELOG)}
CHANGELOG = "# Changelog\n\n## [Unreleased]\n\n### Added\n\n- A thing.\n\n## [0.1.0] - 2026-01-01\n\n- Old.\n"


def present() -> str:
    return FILES["Dockerfile"].partition("ARG VERSION=")[2].partition("\n")[0]


def test_every_file_that_names_the_version_names_the_new_one() -> None:
    changed = texts.released(FILES, present(), "9.8.7", "2026-12-01")

    assert all("9.8.7" in text and present() not in text for name, text in changed.items() if name != texts.CHANGELOG)
    assert 'version = "9.8.7"' in changed["pyproject.toml"]


def test_no_other_file_of_a_user_names_the_version() -> None:
    named = {
        str(path.relative_to(ROOT))
        for folder in ("docs", "deploy", "examples", "producers", "worker", "sandbox")
        for path in (ROOT / folder).rglob("*")
        if path.suffix in (".md", ".py", ".yaml", ".yml", ".toml", ".sh")
        and f"prelabel:{present()}" in path.read_text("utf-8")
    }

    assert named <= set(texts.WITH_VERSION)


def test_the_entries_get_the_version_and_the_day_and_new_ones_have_a_place() -> None:
    changed = texts.released(FILES | {texts.CHANGELOG: CHANGELOG}, present(), "9.8.7", "2026-12-01")[texts.CHANGELOG]

    assert "## [Unreleased]\n\n## [9.8.7] - 2026-12-01\n\n### Added\n\n- A thing.\n" in changed
    assert texts.notes(changed, "9.8.7") == "### Added\n\n- A thing.\n"


def test_a_release_without_entries_is_refused() -> None:
    empty = CHANGELOG.replace("\n### Added\n\n- A thing.\n", "")

    with pytest.raises(NoRelease, match="there is nothing to release"):
        texts.released(FILES | {texts.CHANGELOG: empty}, present(), "9.8.7", "2026-12-01")


@pytest.mark.parametrize("version", ["1.0", "v1.0.0", "01.0.0", "1.0.0rc1", "0.1.0", "0.0.9", ""])
def test_a_version_that_is_none_or_does_not_come_after_the_present_one_is_refused(version: str) -> None:
    with pytest.raises(NoRelease, match=r"^VERSION: found"):
        texts.check_version(version, "0.1.0")


def test_versions_are_compared_as_numbers() -> None:
    texts.check_version("0.10.0", "0.9.12")
    assert texts.next_version("0.9.12") == "0.10.0"
