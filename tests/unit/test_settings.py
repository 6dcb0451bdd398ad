"""Settings: read once, all problems at once, no value shown."""

import pytest

from prelabel_worker.errors import ConfigurationError
from prelabel_worker.settings import Settings, load_settings


def test_settings_come_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PRELABEL_CHUNK_ROWS", "77")

    assert load_settings().chunk_rows == 77


def test_settings_come_from_a_file(monkeypatch: pytest.MonkeyPatch, tmp_path) -> None:  # type: ignore[no-untyped-def]
    monkeypatch.chdir(tmp_path)
    (tmp_path / ".env").write_text("PRELABEL_CHUNK_ROWS=78\nSOMETHING_ELSE=1\n")

    assert load_settings().chunk_rows == 78


def test_all_problems_are_named_in_one_message_without_their_values(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PRELABEL_CHUNK_ROWS", "s3cret")
    monkeypatch.setenv("PRELABEL_LEASE_SECONDS", "0")

    with pytest.raises(ConfigurationError) as error:
        load_settings()

    assert "PRELABEL_CHUNK_ROWS" in str(error.value)
    assert "PRELABEL_LEASE_SECONDS" in str(error.value)
    assert "s3cret" not in str(error.value)


def test_a_burst_as_large_as_the_limit_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="BURST"):
        load_settings(requests_per_minute=10, request_burst=10)


def test_secrets_are_not_printed() -> None:
    settings = load_settings(labelbox_api_key="k3y", redis_url="redis://:pass@host/0")

    assert "k3y" not in repr(settings)
    assert "pass" not in repr(settings)
    assert settings.broker == "redis://:pass@host/0"


def test_there_are_at_most_thirty_settings_and_each_is_described() -> None:
    assert len(Settings.model_fields) <= 30
    assert all(field.description for field in Settings.model_fields.values())
