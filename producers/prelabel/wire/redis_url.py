"""A Redis URL, parsed and checked once: servers, database, login, options.

Everything that connects to Redis (publishers, workers, Celery's broker, commands, doctor) starts from a `RedisUrl`, so
that a URL means the same everywhere. Errors quote nothing that may be a password.
"""

import re
import ssl
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal, TypeVar
from urllib.parse import SplitResult, parse_qsl, quote, unquote, urlsplit

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

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
"""The names of options and databases that errors may quote: others may be part of a password that is not encoded."""
_VALUE = re.compile(r"[A-Za-z0-9_./-]{0,100}")
"""The values of options that errors may quote."""


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


def _is_file(path: str) -> str:
    try:
        with open(path, "rb"):
            return path
    except OSError as error:
        raise ValueError(error.strerror or "cannot be read") from None


def _has_certificates(path: str) -> str:
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(_is_file(path))
    except ssl.SSLError:
        raise ValueError("there is no certificate in it") from None
    return path


def _celery_spelling(value: Any) -> Any:
    """Return `required` for `CERT_REQUIRED`, which Celery takes too."""
    return value.lower().removeprefix("cert_") if isinstance(value, str) else value


_File = Annotated[str, AfterValidator(_is_file)]
_Seconds = Annotated[float, Field(ge=2, le=300, allow_inf_nan=False)]


class TlsOptions(BaseModel):
    """How the server and the client prove who they are; by default, the server is verified."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    ssl_cert_reqs: Annotated[Literal["required", "optional", "none"], BeforeValidator(_celery_spelling)] = Field(
        "required",
        description="`required` (the default) or `none`: then the server's certificate is not verified, and whoever "
        "answers at that address gets the password",
    )
    ssl_check_hostname: bool = Field(
        True, description="`true` (the default): the certificate must be for the host of the URL; `false`: for any"
    )
    ssl_ca_certs: Annotated[str, AfterValidator(_has_certificates)] | None = Field(
        None, description="a readable file of CA certificates (PEM), beside the system's"
    )
    ssl_certfile: _File | None = Field(None, description="a readable file with the client's certificate (PEM)")
    ssl_keyfile: _File | None = Field(None, description="a readable file with the certificate's key (PEM)")

    @property
    def verified(self) -> bool:
        """Whether secrets go to a server only that has a valid certificate for its name."""
        return self.ssl_cert_reqs != "none" and self.ssl_check_hostname


class ConnectionOptions(TlsOptions):
    """The options that may follow `?` in a Redis URL, also listed in `docs/reference/settings.md`."""

    db: int | None = Field(None, ge=0, description="a database number, where the path names none")
    virtual_host: int | None = Field(None, ge=0, description="the same, as Celery spells it for `redis+socket://`")
    protocol: int = Field(2, ge=2, le=3, description="the version of RESP to speak, 2 (the default) or 3")
    socket_timeout: _Seconds | None = Field(None, description="seconds to wait for an answer, from 2 to 300")
    socket_connect_timeout: _Seconds | None = Field(None, description="seconds to wait for a connection, from 2 to 300")
    socket_keepalive: bool = Field(True, description="`true` (the default) or `false`: TCP keep-alive")
    health_check_interval: int | None = Field(
        None,
        ge=0,
        le=3600,
        description="seconds of silence after which a connection is tried first, 0 (never) to 3,600; not in a cluster",
    )
    client_name: str | None = Field(
        None,
        pattern=r"^[!-~]{1,64}$",
        description="a name for `CLIENT LIST`, up to 64 characters without spaces; the user needs `+client|setname`",
    )
    max_connections: int | None = Field(
        None, ge=8, le=100_000, description="the largest number of connections of one pool, from 8"
    )


@dataclass(frozen=True, slots=True)
class RedisUrl:
    """A checked Redis URL. Its text, `str()` and `repr()`, names neither the user nor the password nor an option."""

    #: The servers to connect to first: several for a cluster, none for a Unix socket, else one.
    hosts: tuple[Host, ...]
    #: The path of the Unix socket; empty for TCP.
    socket: str
    #: The database number; 0 for a cluster.
    database: int
    #: The user to log in; None for the default user.
    username: str | None = field(repr=False)
    #: The password; None where the server needs none.
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
            options=options.model_copy(update={"db": None, "virtual_host": None}),
        )

    @property
    def text(self) -> str:
        """The whole URL with its secrets, in the one spelling that `parse` reads back as the same."""
        login = f"{quote(self.username or '', safe='')}:{quote(self.password or '', safe='')}@"
        head, _, tail = str(self).partition("://")
        options = self.options.model_dump(exclude_defaults=True).items()
        spelt = "&".join(f"{name}={quote(str(value), safe='')}" for name, value in options)
        mark = "&" if "?" in tail else "?"
        return f"{head}://{login if self.username or self.password else ''}{tail}" + (f"{mark}{spelt}" if spelt else "")

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
    """Split a URL; return its parts, with one host only, and all hosts."""
    _, _, rest = text.partition("://")
    place = re.split(r"[/?]", rest, maxsplit=1)[0]
    login, at, listed = place.rpartition("@")
    names = listed.split(",")
    if "@" in rest[len(place) :] or (len(names) > 1 and not scheme.endswith("+cluster")):
        raise InvalidUrl(
            f"expected one host, and '/', '?', '@' and ',' of a user or password percent-encoded, in {scheme}://"
        )
    try:
        parts = [urlsplit(f"{scheme}://{login}{at}{name}{rest[len(place) :]}") for name in names]
        hosts = tuple(Host(unquote(part.hostname or "localhost"), part.port or DEFAULT_PORT) for part in parts)
    except ValueError:
        raise InvalidUrl(f"expected host:port, or [address]:port, in {scheme}://") from None
    return parts[0], hosts


def _options(query: str, *, tls: bool) -> ConnectionOptions:
    options = pairs(query)
    wrong = next((name for name in options if name in TlsOptions.model_fields), None)
    if wrong is not None and not tls:
        raise InvalidUrl(f"the option {wrong} needs TLS: expected rediss:// or rediss+cluster:// before the host")
    return checked(ConnectionOptions, options)


def pairs(query: str) -> dict[str, str]:
    """Return the options that follow `?`. Raises InvalidUrl for one that is repeated, or that may not stand there."""
    options: dict[str, str] = {}
    for name, value in parse_qsl(query, keep_blank_values=True):
        if not _NAME.fullmatch(name):
            raise InvalidUrl("found an option without a name, or with one that is none")
        if name in ("password", "username", "ssl_password"):
            raise InvalidUrl(f"the option {name} is not taken: user and password stand before the host")
        if name in options:
            raise InvalidUrl(f"the option {name} is there twice")
        options[name] = value
    return options


def checked(kind: type[_Options], options: dict[str, str]) -> _Options:
    """Return the options as `kind` declares them. Raises InvalidUrl, which names the first that is wrong."""
    try:
        return kind.model_validate(options)
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False)[0]
        name = str(first["loc"][0])
        if name not in kind.model_fields:
            known = ", ".join(sorted(kind.model_fields))
            raise InvalidUrl(f"the option {name} is not known; expected one of {known}") from None
        expected, value = kind.model_fields[name].description, options[name]
        found = f"'{value}'" if _VALUE.fullmatch(value) else "another value"
        cause = f" ({first['msg'].removeprefix('Value error, ')})" if first["type"] == "value_error" else ""
        raise InvalidUrl(f"the option {name}: expected {expected}; found {found}{cause}") from None


def _database(path: str, options: ConnectionOptions, *, cluster: bool) -> int:
    """Return the database that path and options name; 0 when they name none. Raises InvalidUrl when they differ."""
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
