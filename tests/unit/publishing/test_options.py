"""Every option of a publisher is checked when the publisher is made; the error says what was expected and found."""

import asyncio
import dataclasses
import inspect
import math
import threading
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prelabel import AsyncPublisher, Publisher
from prelabel.publishing.options import PublisherSettings
from prelabel.testing import AsyncRecordingPublisher, RecordingPublisher
from prelabel.wire.redis_url import RedisUrl

NOWHERE = "redis://127.0.0.1:1/0"
OPTIONS = [option.name for option in dataclasses.fields(PublisherSettings) if option.name != "redis_url"]
MANY = "a whole number from 1 to 1,000,000,000,000"
WRONG: list[tuple[str, Any, str, str]] = [
    ("key_prefix", "", "1 to 64 characters of A-Z, a-z, 0-9, _, . and -", "''"),
    ("key_prefix", "pre label", "1 to 64 characters of A-Z, a-z, 0-9, _, . and -", "'pre label'"),
    ("key_prefix", "prelabel\n", "1 to 64 characters of A-Z, a-z, 0-9, _, . and -", "'prelabel\\\\n'"),
    ("key_prefix", "a{b}", "1 to 64 characters of A-Z, a-z, 0-9, _, . and -", "'a{b}'"),
    ("linger_seconds", -1, "a number of seconds from 0 to 3,600", "-1"),
    ("linger_seconds", math.nan, "a number of seconds from 0 to 3,600", "nan"),
    ("linger_seconds", "1", "a number of seconds from 0 to 3,600", "'1'"),
    ("frame_rows", 10_001, "a whole number from 1 to 10,000", "10001"),
    ("frame_bytes", 0, "a whole number from 1 to 16,777,216", "0"),
    ("send_rows", 1.5, MANY, "1.5"),
    ("send_bytes", -1, MANY, "-1"),
    ("max_rows", 0, MANY, "0"),
    ("max_rows", True, MANY, "True"),
    ("max_bytes", None, MANY, "None"),
    ("when_full", "drop", "'block' or 'raise'", "'drop'"),
    ("block_seconds", math.inf, "a number of seconds from 0 to 86,400", "inf"),
    ("block_seconds", True, "a number of seconds from 0 to 86,400", "True"),
    ("durability", "WAITAOF", "'fsync' or 'waitaof' or 'replica'", "'WAITAOF'"),
    ("durability", ["fsync"], "'fsync' or 'waitaof' or 'replica'", "['fsync']"),
    ("max_inbox_rows", 10**13, MANY, "10000000000000"),
    ("spool_dir", "", "the path of a folder, or None", "''"),
    ("spool_dir", 7, "the path of a folder, or None", "7"),
    ("spool_bytes", 4 * 1024 * 1024 - 1, "at least 4,194,304, which is frame_bytes", "4,194,303"),
    ("spool_max_age_days", 0, "a number of days greater than 0", "0"),
    ("spool_max_age_days", -0.5, "a number of days greater than 0", "-0.5"),
    ("journal", 1, "True or False", "1"),
    ("journal", True, "a spool_dir with it, since that folder has the journal", "none"),
]


@pytest.mark.parametrize("publisher", [Publisher, AsyncPublisher])
@pytest.mark.parametrize(("option", "value", "expected", "found"), WRONG)
def test_a_wrong_option_is_refused_before_a_thread_starts(
    publisher: Callable[..., Any], option: str, value: Any, expected: str, found: str
) -> None:
    threads = threading.active_count()

    with pytest.raises(ValueError, match=rf"^{option}: expected ") as caught:
        publisher(NOWHERE, **{option: value})

    assert expected in str(caught.value)
    assert str(caught.value).endswith(f"found {found}".replace("\\\\", "\\"))
    assert threading.active_count() == threads


def test_every_option_has_a_wrong_value_above() -> None:
    assert {option for option, *_ in WRONG} == set(OPTIONS)


@given(
    st.sampled_from(OPTIONS),
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8) | st.binary() | st.lists(st.none()),
)
def test_any_value_is_either_accepted_or_an_error_that_names_the_option(option: str, value: Any) -> None:
    url, refused = RedisUrl.parse(NOWHERE), ""
    try:
        settings = PublisherSettings(redis_url=url, **{option: value})
    except ValueError as error:
        refused = str(error)
    if refused:
        assert refused.startswith((f"{option}: expected ", "spool_bytes: expected "))
    else:
        assert settings.limits.linger_seconds >= 0
        assert settings.wait_seconds >= 0
        assert settings.spool_max_age_seconds > 0
        assert not isinstance(value, bool) or (option, value) == ("journal", False)


@pytest.mark.parametrize("wrong", [5, b"redis://:s3cret@host", "http://:s3cret@host", ""])
def test_a_wrong_url_is_an_error_that_names_the_argument_and_no_password(wrong: Any) -> None:
    with pytest.raises(ValueError, match=r"^redis_url: ") as caught:
        Publisher(wrong)

    assert "s3cret" not in str(caught.value)


@pytest.mark.parametrize("timeout", [-1, math.nan, math.inf, True, "5"])
def test_a_wrong_timeout_is_refused_and_the_publisher_stays_open(timeout: Any) -> None:
    publisher = Publisher(NOWHERE)

    for call in (publisher.flush, publisher.close):
        with pytest.raises(ValueError, match=r"^timeout: expected a number of seconds of at least 0, or None, found "):
            call(timeout)

    publisher.flush(0)
    publisher.close(0)


def test_a_wrong_timeout_of_a_publisher_for_asyncio_is_refused() -> None:
    async def flush() -> None:
        publisher = AsyncPublisher(NOWHERE)
        with pytest.raises(ValueError, match=r"^timeout: expected "):
            await publisher.flush(math.nan)
        with pytest.raises(ValueError, match=r"^timeout: expected "):
            await publisher.close(-1)
        await publisher.close(0)

    asyncio.run(flush())


@pytest.mark.parametrize("publisher", [RecordingPublisher, AsyncRecordingPublisher])
@pytest.mark.parametrize(
    ("option", "value"), [("max_bytes", 0), ("max_bytes", True), ("max_bytes", "9"), ("fail_with", OSError)]
)
def test_the_options_of_publishers_for_tests_are_checked_too(
    publisher: Callable[..., Any], option: str, value: Any
) -> None:
    with pytest.raises(ValueError, match=rf"^{option}: expected "):
        publisher(**{option: value})


def test_the_defaults_of_both_publishers_are_those_of_the_settings() -> None:
    for publisher in (Publisher, AsyncPublisher):
        defaults = {name: option.default for name, option in inspect.signature(publisher).parameters.items()}
        assert {name: defaults[name] for name in OPTIONS} == {
            name: getattr(PublisherSettings, name) for name in OPTIONS
        }
