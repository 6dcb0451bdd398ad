"""Parse and check a Redis URL: servers, database, login, options.

Everything that connects to Redis (publishers, workers, Celery's broker, commands, doctor) starts from a `RedisUrl`, so
that a URL means the same everywhere. Errors quote nothing that may be a password.
"""

import re
import ssl
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Any, Literal, TypeVar
from urllib.parse import SplitResult, parse_qsl, quote, unquote, urlsplit

DEFAULT_PORT = 6379
FORMS = (
    "redis://user:password@host:port/database, rediss://… for TLS, unix:///path?db=0 or "
    "redis+cluster://host:port,host:port, the user and the password percent-encoded"
)
_SCHEMES = ("redis", "rediss", "unix", "redis+socket", "redis+cluster", "rediss+cluster")
_FOLLOWS = (
    "name an address that leads to the primary and follows it after a failover, such as a service name or a proxy"
)
_NAME = re.compile(r"[A-Za-z0-9_.-]{1,40}")
"""Names of options and databases that errors may quote; any other text may be part of a password."""
_VALUE = re.compile(r"[A-Za-z0-9_./-]{0,100}")
"""Values of options that errors may quote."""


class InvalidUrl(ValueError):
    """The URL cannot be used; the message says what was found and what was expected, and quotes no secret."""


@dataclass(frozen=True, slots=True)
class Host:
    """Where one server listens."""

    name: str
    port: int = DEFAULT_PORT

    def __str__(self) -> str:
        return f"[{self.name}]:{self.port}" if ":" in self.name else f"{self.name}:{self.port}"


_Options = TypeVar("_Options", bound="TlsOptions")
_WORDS = {
    **dict.fromkeys(("true", "t", "yes", "y", "on", "1"), True),
    **dict.fromkeys(("false", "f", "no", "n", "off", "0"), False),
}


def _option(default: Any, read: Callable[[str], Any], description: str) -> Any:
    """Declare an option: its default, the function that reads its text, and a description of expected values.

    `read` raises ValueError for a wrong text.
    """
    return field(default=default, metadata={"read": read, "description": description})


def _bool(text: str) -> bool:
    if (value := _WORDS.get(text.lower())) is None:
        raise ValueError
    return value


def _whole(minimum: int, maximum: int | None = None) -> Callable[[str], int]:
    def read(text: str) -> int:
        if not re.fullmatch(r"\s*[+-]?[0-9]{1,18}\s*", text):
            raise ValueError
        value = int(text)
        if not minimum <= value <= (maximum or value):
            raise ValueError
        return value

    return read


def _seconds(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        raise ValueError from None  # Python's own error would quote the text
    if not 2 <= value <= 300:
        raise ValueError
    return value


def _client_name(text: str) -> str:
    if not re.fullmatch(r"[!-~]{1,64}", text):
        raise ValueError
    return text


def _verification(text: str) -> str:
    """Read the option `ssl_cert_reqs`; Celery also spells `required` as `CERT_REQUIRED`."""
    value = text.lower().removeprefix("cert_")
    if value not in ("required", "optional", "none"):
        raise ValueError
    return value


def _file(path: str) -> str:
    try:
        with open(path, "rb"):
            return path
    except OSError as error:
        raise ValueError(error.strerror or "cannot be read") from None


def _certificates(path: str) -> str:
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(_file(path))
    except ssl.SSLError:
        raise ValueError("there is no certificate in it") from None
    return path


@dataclass(frozen=True, slots=True, kw_only=True)
class TlsOptions:
    """How the server and the client prove who they are; by default, the server is verified."""

    ssl_cert_reqs: Literal["required", "optional", "none"] = _option(
        "required",
        _verification,
        "`required` (the default) or `none`: then the server's certificate is not verified, and whoever "
        "answers at that address gets the password",
    )
    ssl_check_hostname: bool = _option(
        True, _bool, "`true` (the default): the certificate must be for the host of the URL; `false`: for any"
    )
    ssl_ca_certs: str | None = _option(
        None, _certificates, "a readable file of CA certificates (PEM), in addition to the system's"
    )
    ssl_certfile: str | None = _option(None, _file, "a readable file with the client's certificate (PEM)")
    ssl_keyfile: str | None = _option(None, _file, "a readable file with the certificate's key (PEM)")

    @property
    def verified(self) -> bool:
        """Return whether secrets are only sent to a server that has a valid certificate for its name."""
        return self.ssl_cert_reqs != "none" and self.ssl_check_hostname


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectionOptions(TlsOptions):
    """The options that may follow `?` in a Redis URL, also listed in `docs/reference/settings.md`."""

    db: int | None = _option(None, _whole(0), "a database number, where the path names none")
    virtual_host: int | None = _option(None, _whole(0), "the same, as Celery spells it for `redis+socket://`")
    protocol: int = _option(2, _whole(2, 3), "the version of RESP to speak, 2 (the default) or 3")
    socket_timeout: float | None = _option(None, _seconds, "seconds to wait for an answer, from 2 to 300")
    socket_connect_timeout: float | None = _option(None, _seconds, "seconds to wait for a connection, from 2 to 300")
    socket_keepalive: bool = _option(True, _bool, "`true` (the default) or `false`: TCP keep-alive")
    health_check_interval: int | None = _option(
        None,
        _whole(0, 3600),
        "seconds of silence after which a connection is tested before use, 0 (never) to 3,600; not in a cluster",
    )
    client_name: str | None = _option(
        None,
        _client_name,
        "a name for `CLIENT LIST`, up to 64 characters without spaces; the user needs `+client|setname`",
    )
    max_connections: int | None = _option(
        None, _whole(8, 100_000), "the largest number of connections of one pool, from 8"
    )


def expected(kind: type[TlsOptions]) -> dict[str, str]:
    """Return the options of `kind` by name, each with the description of its expected values."""
    return {option.name: option.metadata["description"] for option in fields(kind)}


@dataclass(frozen=True, slots=True)
class RedisUrl:
    """A checked Redis URL. `str()` and `repr()` show neither the user nor the password nor the options."""

    #: The servers to connect to first: several for a cluster, none for a Unix socket, else one.
    hosts: tuple[Host, ...]
    #: The path of the Unix socket; empty for TCP.
    socket: str
    #: The database number; 0 for a cluster.
    database: int
    #: The user to log in; None for the default user.
    username: str | None = field(repr=False)
    #: The password; None if the server needs none.
    password: str | None = field(repr=False)
    #: Whether the connection is encrypted.
    tls: bool
    #: Whether the hosts are nodes of a Redis Cluster.
    cluster: bool
    #: The options after `?`, without the database.
    options: ConnectionOptions = field(repr=False)

    @classmethod
    def parse(cls, text: str) -> "RedisUrl":
        """Parse a URL. Raises InvalidUrl."""
        if not isinstance(text, str):  # a caller without a type checker
            raise InvalidUrl(f"expected {FORMS}, found a value of type {type(text).__name__}")
        scheme = _scheme(text)
        parts, hosts = _parts(text, scheme)
        on_socket, cluster = scheme in ("unix", "redis+socket"), scheme.endswith("+cluster")
        tls = scheme.startswith("rediss")
        options = _options(parts.query, tls=tls)
        if on_socket and (parts.hostname or not parts.path.strip("/")):
            raise InvalidUrl(f"expected the path of a socket, such as unix:///run/redis/redis.sock, in {scheme}://")
        return cls(
            hosts=() if on_socket else hosts,
            socket=unquote(parts.path) if on_socket else "",
            database=_database("" if on_socket else parts.path, options, cluster=cluster),
            username=unquote(parts.username or "") or None,
            password=unquote(parts.password or "") or None,
            tls=tls,
            cluster=cluster,
            options=replace(options, db=None, virtual_host=None),
        )

    @property
    def text(self) -> str:
        """Return the whole URL with its secrets; `parse` reads it back as an equal `RedisUrl`."""
        login = f"{quote(self.username or '', safe='')}:{quote(self.password or '', safe='')}@"
        head, _, tail = str(self).partition("://")
        values = {option.name: getattr(self.options, option.name) for option in fields(self.options)}
        changed = {option.name for option in fields(self.options) if values[option.name] != option.default}
        query = "&".join(f"{name}={quote(str(value), safe='')}" for name, value in values.items() if name in changed)
        mark = "&" if "?" in tail else "?"
        return f"{head}://{login if self.username or self.password else ''}{tail}" + (f"{mark}{query}" if query else "")

    def __str__(self) -> str:
        if self.socket:
            return f"unix://{quote(self.socket)}" + (f"?db={self.database}" if self.database else "")
        scheme = ("rediss" if self.tls else "redis") + ("+cluster" if self.cluster else "")
        hosts = ",".join(str(host) for host in self.hosts)
        return f"{scheme}://{hosts}" + ("" if self.cluster else f"/{self.database}")


def _scheme(text: str) -> str:
    scheme, mark, _ = text.partition("://")
    if not mark or not _NAME.fullmatch(scheme.replace("+", "")):
        raise InvalidUrl(f"expected {FORMS}")
    if "sentinel" in scheme:
        raise InvalidUrl(f"Sentinel is not supported: {_FOLLOWS}")
    if scheme not in _SCHEMES:
        raise InvalidUrl(f"expected {FORMS}, found the scheme {scheme}://")
    if re.search(r";\s*[a-z+]+://", text):
        raise InvalidUrl(f"expected one address, found a list; {_FOLLOWS}")
    check_characters(text)
    return scheme


def check_characters(text: str) -> None:
    """Raise InvalidUrl for characters that must be percent-encoded anywhere in a URL."""
    if " " in text or "#" in text or not text.isprintable():
        raise InvalidUrl("found a space, '#' or an unprintable character, which must be percent-encoded in a URL")


def _parts(text: str, scheme: str) -> tuple[SplitResult, tuple[Host, ...]]:
    """Split a URL; return its parts, with only the first host, and all hosts."""
    _, _, rest = text.partition("://")
    authority = re.split(r"[/?]", rest, maxsplit=1)[0]
    login, at_sign, host_list = authority.rpartition("@")
    names = host_list.split(",")
    tail = rest[len(authority) :]
    if "@" in tail or (len(names) > 1 and not scheme.endswith("+cluster")):
        raise InvalidUrl(
            f"expected one host, and '/', '?', '@' and ',' of a user or password percent-encoded, in {scheme}://"
        )
    try:
        parts = [urlsplit(f"{scheme}://{login}{at_sign}{name}{tail}") for name in names]
        hosts = tuple(Host(unquote(part.hostname or "localhost"), part.port or DEFAULT_PORT) for part in parts)
    except ValueError:
        raise InvalidUrl(f"expected host:port, or [address]:port, in {scheme}://") from None
    return parts[0], hosts


def _options(query: str, *, tls: bool) -> ConnectionOptions:
    options = pairs(query)
    wrong = next((name for name in options if name in expected(TlsOptions)), None)
    if wrong is not None and not tls:
        raise InvalidUrl(f"the option {wrong} needs TLS: expected rediss:// or rediss+cluster:// before the host")
    return checked(ConnectionOptions, options)


def pairs(query: str) -> dict[str, str]:
    """Return the options that follow `?`. Raises InvalidUrl for an option that is repeated or not allowed there."""
    options: dict[str, str] = {}
    for name, value in parse_qsl(query, keep_blank_values=True):
        if not _NAME.fullmatch(name):
            raise InvalidUrl("found an option whose name is missing or malformed")
        if name in ("password", "username", "ssl_password"):
            raise InvalidUrl(f"the option {name} is not accepted: put user and password before the host")
        if name in options:
            raise InvalidUrl(f"the option {name} is there twice")
        options[name] = value
    return options


def checked(kind: type[_Options], options: dict[str, str]) -> _Options:
    """Return the options as `kind` declares them. Raises InvalidUrl, which names the first wrong option."""
    values = {}
    for option in fields(kind):
        if option.name in options:
            values[option.name] = _read(option.name, options[option.name], option.metadata)
    unknown = next((name for name in options if name not in values), None)
    if unknown is not None:
        known = ", ".join(sorted(expected(kind)))
        raise InvalidUrl(f"the option {unknown} is not known; expected one of {known}")
    return kind(**values)


def _read(name: str, text: str, declared: Mapping[str, Any]) -> Any:
    try:
        return declared["read"](text)
    except ValueError as error:
        found = f"'{text}'" if _VALUE.fullmatch(text) else "another value"
        cause = f" ({error})" if str(error) else ""
        raise InvalidUrl(f"the option {name}: expected {declared['description']}; found {found}{cause}") from None


def _database(path: str, options: ConnectionOptions, *, cluster: bool) -> int:
    """Return the database that path and options name, by default 0. Raises InvalidUrl if they name different ones."""
    name = unquote(path).removeprefix("/")
    if name and not (name.isascii() and name.isdigit() and len(name) <= 9):
        found = f"'{name}'" if _NAME.fullmatch(name) else "something else"
        raise InvalidUrl(f"expected a database number after the host, such as /0, found {found}")
    named = {int(name)} if name else set()
    named |= {number for number in (options.db, options.virtual_host) if number is not None}
    if len(named) > 1:
        raise InvalidUrl(f"found {len(named)} databases: expected one, in the path or as the option db")
    database = named.pop() if named else 0
    if cluster and database:
        raise InvalidUrl(f"expected database 0, which is the only one of a cluster, found {database}")
    return database
