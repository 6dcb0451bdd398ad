"""The two settings that lead to the rows mean the same whether they are read alone or with all others."""

from collections.abc import Callable
from pathlib import Path

import pytest

from prelabel_worker.errors import ConfigurationError
from prelabel_worker.redis_settings import find_redis_url, read_redis_settings
from prelabel_worker.settings import read_settings

URL, PREFIX = "PRELABEL_REDIS_URL", "PRELABEL_KEY_PREFIX"
TOLD = [
    ({}, ""),
    ({URL: "rediss://:pw@h:7/2?client_name=me", PREFIX: "mine"}, ""),
    ({}, f"{URL}=redis://file/1\n{PREFIX}=of_file"),
    ({URL: "redis://environment/0"}, f"{URL}=redis://file/1\n{PREFIX}='of.file' # a comment"),
    ({URL.lower(): "redis://lower/0"}, f"export {PREFIX.title()}=of_file"),
    ({}, f"HOST=h\n{URL}=redis://${{HOST}}/3"),
    ({}, f"{URL}\n{PREFIX}"),
    ({"PRELABEL_CHUNK_ROWS": "7", PREFIX: "a" * 64}, "OTHER=1"),
]
FILE = f"{URL}_FILE"
IN_FILES = [
    ({FILE: "secret"}, "", "redis://:s3cret@h/0\n"),
    ({FILE.lower(): "secret", URL: ""}, f"{URL}=redis://file/1", "redis://:s3cret@h/0"),
    ({}, f"{FILE}=secret", "\ufeffredis://:s3cret@h/0\r\n"),
    ({URL: "redis://environment/0"}, f"{FILE}=missing", "x"),
]
NO_SECRET = [
    ({FILE: "secret", URL: "redis://environment/0"}, "redis://h/0", "are both set"),
    ({FILE: "missing"}, "", "missing: No such file"),
    ({FILE: "."}, "", "Is a directory"),
    ({FILE: "secret"}, b"\xff\xfe", "not UTF-8"),
    ({FILE: "secret"}, "x" * 70_000, "larger than 65,536 bytes"),
    ({FILE: "secret"}, "s3cret", "expected redis://"),
]
WRONG = [
    ({URL: ""}, ""),
    ({PREFIX: ""}, ""),
    ({PREFIX: "a" * 65}, ""),
    ({PREFIX: "line\n"}, ""),
    ({PREFIX: "s3cret{}"}, f"{URL}=memory://s3cret"),
    ({URL: "redis://:s3cret@h?foo=s3cret"}, ""),
]


Tell = Callable[[dict[str, str], str], None]
"""Set the environment, and write `.env`."""


@pytest.fixture
def tell(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Tell:
    def told(environment: dict[str, str], file: str) -> None:
        monkeypatch.chdir(tmp_path)
        for name in (URL, PREFIX, FILE):
            monkeypatch.delenv(name, raising=False)
        for name, value in environment.items():
            monkeypatch.setenv(name, value)
        if file:
            (tmp_path / ".env").write_text(file)

    return told


@pytest.mark.parametrize(("environment", "file"), TOLD)
@pytest.mark.parametrize("option", [None, "", "redis://option/9"])
def test_they_are_found_where_all_settings_are(
    tell: Tell, environment: dict[str, str], file: str, option: str | None
) -> None:
    tell(environment, file)

    alone, all_of_them = read_redis_settings(option), read_settings(**({"redis_url": option} if option else {}))

    assert (alone.state, alone.key_prefix) == (all_of_them.state, all_of_them.key_prefix)
    assert (find_redis_url(option) is not None) == ("redis_url" in all_of_them.model_fields_set)


@pytest.mark.parametrize(("environment", "file"), WRONG)
def test_unusable_settings_are_refused_with_the_same_text_by_both_readers(
    tell: Tell, environment: dict[str, str], file: str
) -> None:
    tell(environment, file)

    with pytest.raises(ConfigurationError) as alone:
        read_redis_settings()
    with pytest.raises(ConfigurationError) as all_of_them:
        read_settings()

    assert str(alone.value) == str(all_of_them.value)
    assert "s3cret" not in str(alone.value)


def test_a_byte_order_mark_costs_no_setting_of_the_first_line_and_another_encoding_is_named(
    tell: Tell, tmp_path: Path
) -> None:
    tell({}, "")
    content = f"{PREFIX}=mine\nPRELABEL_CHUNK_ROWS=78\n"

    (tmp_path / ".env").write_bytes(b"\xef\xbb\xbf" + content.encode())
    assert (read_redis_settings().key_prefix, read_settings().key_prefix) == ("mine", "mine")

    (tmp_path / ".env").write_bytes(content.encode("utf-16"))
    for read in (read_redis_settings, read_settings):
        with pytest.raises(ConfigurationError, match="not UTF-8: convert it with iconv"):
            read()


def test_the_running_stack_s_redis_goes_before_the_default_alone(tell: Tell) -> None:
    tell({}, "")
    assert str(read_redis_settings(otherwise="redis://stack/0").state) == "redis://stack:6379/0"

    tell({URL: "redis://environment/0"}, "")
    assert str(read_redis_settings(otherwise="redis://stack/0").state) == "redis://environment:6379/0"


def test_another_setting_that_cannot_be_used_is_not_looked_at(tell: Tell) -> None:
    tell({"PRELABEL_CHUNK_ROWS": "many"}, "")

    assert read_redis_settings().key_prefix == "prelabel"


@pytest.mark.parametrize(("environment", "file", "secret"), IN_FILES)
def test_a_secret_in_a_file_is_found_by_both(
    tell: Tell, environment: dict[str, str], file: str, secret: str, tmp_path: Path
) -> None:
    (tmp_path / "secret").write_bytes(secret.encode())
    tell(environment, file)

    assert str(read_redis_settings().state) == str(read_settings().state)
    assert str(read_settings().state) != "redis://localhost:6379/0"


@pytest.mark.parametrize(("environment", "secret", "expected"), NO_SECRET)
def test_a_file_that_cannot_be_used_is_named_by_both_without_its_content(
    tell: Tell, environment: dict[str, str], secret: str | bytes, expected: str, tmp_path: Path
) -> None:
    (tmp_path / "secret").write_bytes(secret if isinstance(secret, bytes) else secret.encode())
    tell(environment, "")

    messages = []
    for read in (read_redis_settings, read_settings):
        with pytest.raises(ConfigurationError, match=expected) as error:
            read()
        messages.append(str(error.value))

    assert messages[0] == messages[1]
    assert URL in messages[0]
    assert "s3cret" not in messages[0]
