"""Settings: read once, all problems at once, no value shown."""

import json
import os
import re
from pathlib import Path

import pytest

from prelabel.stack_file import StackFile
from prelabel.wire.redis_url import RedisUrl
from prelabel_worker.cli.shared.configuration import settings_for
from prelabel_worker.errors import ConfigurationError
from prelabel_worker.settings import SECRETS, Settings, load_settings
from prelabel_worker.stack import stack_file


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
    assert "pass" not in f"{settings.state} {settings.broker!r}"


def test_a_worker_has_at_most_thirty_settings_and_each_is_described() -> None:
    of_others = ("environment", "console_", "notify_", "freshness_")
    assert len([name for name in Settings.model_fields if not name.startswith(of_others)]) <= 30
    assert all(field.description for field in Settings.model_fields.values())


@pytest.mark.parametrize("key", ["a-key\n", "one of mine", "clé"])
def test_a_key_that_no_header_takes_is_refused_without_being_shown(key: str) -> None:
    for name, value in (("labelbox_api_key", key), ("account_keys", {"b": key})):
        with pytest.raises(ConfigurationError, match=f"PRELABEL_{name.upper()}.*a line break") as error:
            load_settings(**{name: value})
        assert key.strip() not in str(error.value)


def test_an_account_without_a_key_is_none_of_these_settings() -> None:
    settings = load_settings(labelbox_api_key="", account_keys={"b": "k3y", "c": ""})

    assert settings.accounts == {"b"}
    assert settings.key_of("default") is None
    assert settings.key_of("c") is None


@pytest.mark.parametrize(
    "endpoint", ["https://", "https:///graphql", "https://host:port/graphql", "https://[::1/graphql"]
)
def test_an_endpoint_without_a_host_is_refused(endpoint: str) -> None:
    with pytest.raises(ConfigurationError, match="PRELABEL_LABELBOX_ENDPOINT: expected https://host/graphql"):
        load_settings(labelbox_endpoint=endpoint)


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("memory://", "amqp://"),
        ("amqp://user:p@ss/word@host//", "percent-encoded"),
        ("amqp://one;amqp://two", "one address"),
        ("amqp://host?ssl_ca_certs=/a", "amqps://"),
        ("amqps://host?heartbeat=10", "the option heartbeat is not known"),
        ("amqp://host:port//", "amqp://user:password@host:port"),
        ("sentinel://host", "Sentinel is not supported"),
        ("redis://host?foo=bar", "the option foo is not known"),
    ],
)
def test_a_broker_that_cannot_be_used_is_refused(url: str, expected: str) -> None:
    with pytest.raises(ConfigurationError, match="PRELABEL_BROKER_URL: ") as error:
        load_settings(broker_url=url)

    assert expected in str(error.value)


def test_the_broker_is_the_redis_with_the_state_unless_another_is_named() -> None:
    assert load_settings(redis_url="redis://:pw@h/3").broker == RedisUrl.parse("redis://:pw@h/3")
    assert load_settings(broker_url="redis+socket:///run/r.sock?virtual_host=4").broker == RedisUrl.parse(
        "unix:///run/r.sock?db=4"
    )
    with pytest.raises(ConfigurationError, match="not a Redis Cluster"):
        _ = load_settings(redis_url="redis+cluster://h").broker


ELSEWHERE, KEY, KEYS = (
    "PRELABEL_LABELBOX_ENDPOINT=https://elsewhere.example/graphql",
    "PRELABEL_LABELBOX_API_KEY=k3y-0815",
    'PRELABEL_ACCOUNT_KEYS={"b": "k3y-0815"}',
)


def told(monkeypatch: pytest.MonkeyPatch, folder: Path, environment: list[str], file: list[str]) -> None:
    for each in environment:
        monkeypatch.setenv(*each.split("=", 1))
    (folder / ".env").write_text("\n".join(file))
    monkeypatch.chdir(folder)


@pytest.mark.parametrize("key", [KEY, KEYS])
@pytest.mark.parametrize("endpoint_in_file", [True, False])
def test_an_endpoint_and_its_key_come_from_one_source(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, key: str, *, endpoint_in_file: bool
) -> None:
    environment, file = ([key], [ELSEWHERE]) if endpoint_in_file else ([ELSEWHERE], [key])
    told(monkeypatch, tmp_path, environment, file)

    with pytest.raises(ConfigurationError) as error:
        load_settings()

    text = str(error.value)
    assert {"PRELABEL_LABELBOX_ENDPOINT", key.split("=")[0]} <= set(re.findall(r"PRELABEL_\w+", text))
    assert ".env in the current folder" in text
    assert "the environment or an option" in text
    assert "k3y-0815" not in text


@pytest.mark.parametrize(
    ("environment", "file"),
    [
        ([ELSEWHERE, KEY, KEYS], []),
        ([], [ELSEWHERE, KEY, KEYS]),
        ([KEY], ["PRELABEL_LABELBOX_ENDPOINT=https://api.labelbox.com/graphql"]),
        ([KEY], [KEYS]),
        ([ELSEWHERE, KEY], ["PRELABEL_LABELBOX_ENDPOINT=https://another.example/graphql", KEY]),
        (["PRELABEL_LABELBOX_API_KEY="], [ELSEWHERE]),
    ],
)
def test_sources_that_do_not_mix_an_endpoint_with_another_s_key_are_taken(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, environment: list[str], file: list[str]
) -> None:
    told(monkeypatch, tmp_path, environment, file)

    load_settings()


def test_an_option_has_the_environment_as_its_source(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    told(monkeypatch, tmp_path, [KEY], [])
    assert load_settings(labelbox_endpoint="https://elsewhere.example/graphql").accounts == {"default"}

    told(monkeypatch, tmp_path, [], [ELSEWHERE])
    with pytest.raises(ConfigurationError, match="an option"):
        load_settings(labelbox_api_key="another")


def test_keys_of_two_sources_are_never_mixed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    told(monkeypatch, tmp_path, ['PRELABEL_ACCOUNT_KEYS={"a": "1"}'], ['PRELABEL_ACCOUNT_KEYS={"b": "2"}'])

    assert load_settings().accounts == {"a"}
    assert load_settings(account_keys={}).accounts == set()


def test_no_other_key_goes_to_the_running_stack(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Its file stands in the current folder, and may have come with that."""
    told(monkeypatch, tmp_path, [KEY, KEYS], [])
    stack = StackFile(
        "redis://h/0", "redis://h/0", "https://elsewhere.example/graphql", "its-own", "http://s", os.getpid()
    )
    stack_file.write(stack, tmp_path / ".prelabel")

    settings = settings_for()

    assert (settings.labelbox_endpoint, settings.api_keys) == (stack.labelbox_endpoint, {"its-own"})


@pytest.mark.parametrize("named", [True, False])
def test_a_command_says_which_redis_it_uses_when_nobody_named_one(
    named: bool, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    told(monkeypatch, tmp_path, ["PRELABEL_REDIS_URL=redis://h/0"] if named else [], [])

    settings_for()

    assert ("using the Redis at redis://localhost:6379/0" in capsys.readouterr().err) is not named


@pytest.mark.parametrize("value", ["inf", "nan"])
@pytest.mark.parametrize("name", [name for name, field in Settings.model_fields.items() if field.annotation is float])
def test_a_number_that_is_not_finite_is_refused(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    monkeypatch.setenv(f"PRELABEL_{name.upper()}", value)

    with pytest.raises(ConfigurationError, match=f"PRELABEL_{name.upper()}: Input should be "):
        load_settings()


def in_file(folder: Path, name: str, text: str) -> str:
    (folder / name).write_text(text)
    return str(folder / name)


def test_every_secret_can_be_in_a_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    texts = {
        "redis_url": "redis://:pw@h/0",
        "broker_url": "amqp://u:pw@h/v",
        "labelbox_api_key": "k3y",
        "account_keys": '{"other": "k4y"}',
        "notify_url": "https://hooks.example/T0/x",
        "console_tokens": json.dumps({"ann": {"role": "viewer", "sha256": "a" * 64}}),
    }
    assert set(texts) == set(SECRETS)
    for name, text in texts.items():
        monkeypatch.setenv(f"PRELABEL_{name.upper()}_FILE", in_file(tmp_path, name, f"{text}\n"))

    settings = load_settings()

    assert settings.api_keys == {"k3y", "k4y"}
    assert settings.redis_url.get_secret_value() == texts["redis_url"]
    assert settings.broker_url is not None
    assert settings.notify_url.get_secret_value() == texts["notify_url"]
    assert list(settings.console_tokens) == ["ann"]


def test_json_in_a_file_that_is_none_is_named_without_its_content(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PRELABEL_ACCOUNT_KEYS_FILE", in_file(tmp_path, "keys", "{s3cret"))

    with pytest.raises(ConfigurationError, match="PRELABEL_ACCOUNT_KEYS_FILE: the file is no JSON") as error:
        load_settings()

    assert "s3cret" not in str(error.value)


def test_an_endpoint_of_the_folder_gets_no_key_of_a_file_that_the_environment_names(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PRELABEL_LABELBOX_API_KEY_FILE", in_file(tmp_path, "key", "k3y"))
    (tmp_path / ".env").write_text("PRELABEL_LABELBOX_ENDPOINT=https://evil.example/graphql\n")

    with pytest.raises(ConfigurationError, match="nothing was sent"):
        load_settings()

    monkeypatch.setenv("PRELABEL_LABELBOX_ENDPOINT", "https://api.labelbox.example/graphql")
    assert load_settings().api_keys == {"k3y"}


@pytest.mark.parametrize(
    ("url", "usable"),
    [
        ("https://hooks.example/T0/s3cret", True),
        ("http://127.0.0.1:9000/s3cret", True),
        ("http://localhost/s3cret", True),
        ("http://[::1]:9/s3cret", True),
        ("", True),
        ("http://hooks.example/s3cret", False),
        ("ftp://hooks.example/s3cret", False),
        ("https://user:s3cret@hooks.example/", False),
        ("https://hooks.example/s3cret#x", False),
        ("https:///s3cret", False),
        ("https://hooks.example:0/s3cret", False),
        ("https://hooks.example/s3 cret", False),
        ("s3cret", False),
    ],
)
def test_a_webhook_is_encrypted_or_on_this_machine(url: str, usable: bool) -> None:
    if usable:
        settings = load_settings(notify_url=url)
        assert "s3cret" not in repr(settings)
        assert not url or url in settings.secrets
        return
    with pytest.raises(ConfigurationError, match="PRELABEL_NOTIFY_URL: expected https://") as error:
        load_settings(notify_url=url)
    assert "s3cret" not in str(error.value)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("s3cret-s3cret", "PRELABEL_CONSOLE_TOKENS: expected JSON; found a text that is none"),
        (
            '{"ann": "s3cret"}',
            'PRELABEL_CONSOLE_TOKENS.ANN: expected {"role": "viewer", "sha256": "…"}; found no object',
        ),
        ('{"ann": {"role": "viewer"}}', "found no sha256; this prints a token"),
        ('{"ann": {"role": "viewer", "sha256": "", "token": "s3cret"}}', "found another field beside them"),
        ('{"ann": {"role": "viewer", "sha256": "s3cret"}}', "PRELABEL_CONSOLE_TOKENS.ANN.SHA256: expected the SHA-256"),
        (
            '{"s3cret!": {"role": "viewer", "sha256": "' + "a" * 64 + '"}}',
            "PRELABEL_CONSOLE_TOKENS: expected the name of a person",
        ),
    ],
)
def test_a_wrong_entry_of_the_console_s_tokens_is_described_and_not_quoted(
    monkeypatch: pytest.MonkeyPatch, text: str, words: str
) -> None:
    monkeypatch.setenv("PRELABEL_CONSOLE_TOKENS", text)

    with pytest.raises(ConfigurationError) as error:
        load_settings()

    assert words in str(error.value)
    assert not any(secret in str(error.value).lower() for secret in ("s3cret", "pattern"))


def test_a_digest_in_upper_case_is_the_same_digest(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PRELABEL_CONSOLE_TOKENS", json.dumps({"ann": {"role": "viewer", "sha256": "A" * 64}}))

    assert load_settings().console_tokens["ann"].sha256 == "a" * 64
