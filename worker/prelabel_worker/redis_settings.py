"""The two settings with which the rows are found, Redis's URL and the key prefix, read without the others.

A health check reads them every few seconds. Reading all settings with pydantic, as `settings` does, would cost more
than the check's question to Redis. `settings` takes the declarations from here and reads the same sources.
"""

import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from prelabel.printing import printable
from prelabel.wire import keys
from prelabel.wire.redis_url import RedisUrl
from prelabel_worker.errors import ConfigurationError

ENV_PREFIX = "PRELABEL_"
"""The prefix of every setting's environment variable."""
ENV_FILE = Path(".env")
"""The file in the current folder that is read for settings that the environment lacks."""
FILE_SUFFIX = "_FILE"
"""Behind the name of a secret's variable, this names a file that has the secret."""
MAX_SECRET_BYTES = 65_536
ENV_FILE_ENCODING = "utf-8-sig"
"""UTF-8; a byte-order mark is left out, or it would be a part of the first name."""


def _check_redis_url(text: str) -> None:
    RedisUrl.parse(text)


def _check_key_prefix(text: str) -> None:
    if not keys.is_prefix(text):
        raise ValueError(f"expected 1 to 64 characters of {keys.PREFIX_CHARACTERS}")


@dataclass(frozen=True, slots=True)
class Setting:
    """A setting of text: its name, its default, what it means, and which values it accepts."""

    name: str
    default: str
    description: str
    #: Raises ValueError for a value that cannot be used.
    check: Callable[[str], None]

    @property
    def variable(self) -> str:
        """The name of its environment variable."""
        return f"{ENV_PREFIX}{self.name.upper()}"


REDIS_URL = Setting(
    "redis_url",
    "redis://localhost:6379/0",
    "The Redis with frames, chunks and held rows; a cluster is `redis+cluster://host:port,host:port`.",
    _check_redis_url,
)
KEY_PREFIX = Setting(
    "key_prefix",
    keys.DEFAULT_PREFIX,
    "Prefix of every key; publishers must use it too.",
    _check_key_prefix,
)


@dataclass(frozen=True, slots=True)
class RedisSettings:
    """The Redis that holds the rows, and the prefix of its keys."""

    state: RedisUrl
    key_prefix: str


def find_redis_url(option: str | None = None) -> str | None:
    """Return the URL that an option, the environment or `.env` names; None if none of them names one."""
    return option or _find(REDIS_URL)


def read_redis_settings(redis_url: str | None = None, *, otherwise: str | None = None) -> RedisSettings:
    """Read the two settings as `load_settings` does, without the others.

    `redis_url` takes precedence over every other source, `otherwise` only over the default. Raises ConfigurationError
    with all problems in one message, without the values.
    """
    named, prefix = find_redis_url(redis_url), _find(KEY_PREFIX)
    url = (otherwise or REDIS_URL.default) if named is None else named
    prefix = KEY_PREFIX.default if prefix is None else prefix
    problems = [*_problems(REDIS_URL, url), *_problems(KEY_PREFIX, prefix)]
    if problems:
        raise ConfigurationError("; ".join(problems))
    return RedisSettings(RedisUrl.parse(url), prefix)


def _find(setting: Setting) -> str | None:
    """Return the value from the environment or else from `.env`; the case of names does not matter."""
    for source in (lambda: os.environ, _read_file):
        values = {name.upper(): value for name, value in source().items()}
        value = secret_of_file(setting.variable, values) if setting is REDIS_URL else None
        if value is None:
            value = values.get(setting.variable)
        if value is not None:
            return value
    return None


def secret_of_file(variable: str, values: Mapping[str, str | None]) -> str | None:
    """Return the content of the file that `<variable>_FILE` names, without its last line break; None without a name.

    `values` are the variables of one source, by their names in upper case. Raises ConfigurationError, which names the
    variable and the file.
    """
    name = f"{variable}{FILE_SUFFIX}"
    path = values.get(name)
    if not path:
        return None
    if values.get(variable):
        raise ConfigurationError(f"{variable} and {name} are both set: set only one of them")
    try:
        with open(path, "rb") as file:
            content = file.read(MAX_SECRET_BYTES + 1)
        text = content.decode(ENV_FILE_ENCODING)
    except (OSError, ValueError) as error:
        what = (isinstance(error, OSError) and error.strerror) or "not UTF-8"
        raise ConfigurationError(f"{name}: {printable(path)}: {what}") from None
    if len(content) > MAX_SECRET_BYTES:
        raise ConfigurationError(f"{name}: {printable(path)}: larger than {MAX_SECRET_BYTES:,} bytes")
    return text.removesuffix("\n").removesuffix("\r")


def _read_file() -> Mapping[str, str | None]:
    if not ENV_FILE.is_file() and not ENV_FILE.is_fifo():
        return {}
    from dotenv import dotenv_values  # imported late, since a container has no such file

    try:
        return dotenv_values(ENV_FILE, encoding=ENV_FILE_ENCODING)
    except UnicodeDecodeError:
        raise not_utf_8() from None


def not_utf_8() -> ConfigurationError:
    """Return the error for a `.env` in another encoding."""
    return ConfigurationError(f"{ENV_FILE}: not UTF-8: convert it with iconv")


def _problems(setting: Setting, value: str) -> Iterator[str]:
    try:
        setting.check(value)
    except ValueError as error:
        yield f"{setting.variable}: {error}"
