"""API keys in files: a new key replaces the old one while the process runs, and nothing else does."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest
import structlog

from prelabel_worker import logs
from prelabel_worker.errors import ConfigurationError
from prelabel_worker.labelbox.api_keys import fingerprint
from prelabel_worker.settings import Settings, load_settings

OLD, NEW = "old-k3y", "new-k3y"


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a file with the key of the account, which the environment names."""
    found = tmp_path / "key"
    found.write_text(f"{OLD}\n")
    monkeypatch.setenv("PRELABEL_LABELBOX_API_KEY_FILE", str(found))
    return found


def key(settings: Settings, account: str = "default") -> str:
    settings.look_at_key_files()
    found = settings.key_of(account)
    return found.get_secret_value() if found else ""


def replace(file: Path) -> None:
    (file.parent / "next").write_text(NEW)
    (file.parent / "next").rename(file)


def link(file: Path) -> None:
    """Replace the file as Kubernetes does: the folder that a link leads to."""
    (file.parent / "..2").mkdir()
    (file.parent / "..2" / "key").write_text(NEW)
    file.unlink()
    file.symlink_to(file.parent / "..2" / "key")


@pytest.mark.parametrize("write", [lambda file: file.write_text(NEW), replace, link], ids=["write", "rename", "link"])
def test_a_new_key_is_used_however_the_file_is_replaced(file: Path, write: Callable[[Path], None]) -> None:
    settings = load_settings()
    assert key(settings) == OLD

    with structlog.testing.capture_logs() as logged:
        write(file)
        assert key(settings) == NEW
        assert key(settings) == NEW

    assert settings.api_keys == {NEW}
    assert [entry["event"] for entry in logged] == ["api_key.replaced"]
    assert logged[0]["keys"] == {"default": fingerprint(NEW)}
    assert not any(secret in str(logged) for secret in (OLD, NEW))


def test_a_file_is_looked_at_again_only_after_a_while(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = load_settings()
    now = 1000.0
    monkeypatch.setattr("prelabel_worker.labelbox.api_keys.time.monotonic", lambda: now)
    assert settings.api_keys == {OLD}
    file.write_text(NEW)

    assert settings.api_keys == {OLD}
    now += 2
    assert settings.api_keys == {NEW}


def remove(file: Path) -> None:
    file.unlink()


def pipe(file: Path) -> None:
    file.unlink()
    os.mkfifo(file)


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda file: file.write_text(""), "empty"),
        (lambda file: file.write_text("\n"), "empty"),
        (lambda file: file.write_text("two\nlines"), "expected only printable ASCII characters"),
        (lambda file: file.write_bytes(b"\xff\xfe"), "not UTF-8"),
        (lambda file: file.write_text("k" * 70_000), "larger than"),
        (remove, "No such file"),
        (pipe, ""),  # reading it would wait for ever
    ],
    ids=["empty", "blank", "lines", "bytes", "large", "gone", "pipe"],
)
def test_a_file_without_a_key_leaves_the_old_one_and_is_named_once(
    file: Path, spoil: Callable[[Path], None], said: str
) -> None:
    settings = load_settings()

    with structlog.testing.capture_logs() as logged:
        spoil(file)
        assert key(settings) == OLD
        assert key(settings) == OLD

    assert [entry["event"] for entry in logged] == ["api_key.kept"] * bool(said)
    assert all(f"PRELABEL_LABELBOX_API_KEY_FILE: {file}: {said}" in entry["detail"] for entry in logged)
    file.unlink(missing_ok=True)
    file.write_text(NEW)
    assert key(settings) == NEW


def test_a_key_for_labelbox_is_not_taken_where_it_would_travel_unencrypted(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PRELABEL_LABELBOX_ENDPOINT", "http://sandbox.example/graphql")
    file.write_text("sandbox-1")
    settings = load_settings()

    file.write_text("a-real-key")

    assert key(settings) == "sandbox-1"


def test_keys_of_more_accounts_are_replaced_added_and_removed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "keys"
    file.write_text('{"b": "one", "c": "two"}')
    monkeypatch.setenv("PRELABEL_LABELBOX_API_KEY", OLD)
    monkeypatch.setenv("PRELABEL_ACCOUNT_KEYS_FILE", str(file))
    settings = load_settings()
    assert (key(settings, "b"), settings.accounts) == ("one", {"default", "b", "c"})

    file.write_text('{"b": "three", "d": "four"}')
    assert (key(settings, "b"), key(settings, "c"), key(settings, "d")) == ("three", "", "four")
    assert settings.accounts == {"default", "b", "d"}

    for garbage in ("{}", '{"b": ""}', '["b"]', '{"b": 1}', "{"):
        file.write_text(garbage)
        assert (key(settings, "b"), key(settings)) == ("three", OLD)


def test_a_log_line_shows_neither_the_new_key_nor_the_old_ones(file: Path) -> None:
    settings = load_settings()
    redact = logs._Redact(settings)
    for number in range(30):
        file.write_text(f"{NEW}-{number}")
        assert key(settings) == f"{NEW}-{number}"

    shown = redact(None, "info", {"event": f"{OLD}, {NEW}-29 and {NEW}-28"})

    assert NEW not in str(shown)
    assert OLD not in str(shown), "the key of the start is always known"
    assert len(settings.keys_ever) < 30


def test_the_file_of_the_first_source_that_has_the_key_is_looked_at(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "key").write_text(OLD)
    (tmp_path / ".env").write_text("PRELABEL_LABELBOX_API_KEY_FILE=key\n")
    of_folder, of_option = load_settings(), load_settings(labelbox_api_key="option")
    monkeypatch.setenv("PRELABEL_LABELBOX_API_KEY", "plain")
    of_environment = load_settings()
    monkeypatch.chdir("/")

    (tmp_path / "key").write_text(NEW)

    assert [key(settings) for settings in (of_folder, of_option, of_environment)] == [NEW, "option", "plain"]


def test_an_endpoint_of_the_folder_gets_no_key_that_is_written_later_into_a_file_of_the_environment(
    file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file.write_text("")
    monkeypatch.chdir(tmp_path)
    (tmp_path / ".env").write_text("PRELABEL_LABELBOX_ENDPOINT=https://evil.example/graphql\n")

    with pytest.raises(ConfigurationError, match="nothing was sent"):
        load_settings()
