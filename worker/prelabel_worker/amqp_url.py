"""The URL of a RabbitMQ broker, read and checked once; the counterpart of `prelabel.wire.redis_url`. Pure."""

from dataclasses import dataclass, field
from urllib.parse import urlsplit

from prelabel.wire.redis_url import InvalidUrl, TlsOptions, check_characters, checked, pairs

SCHEMES = ("amqp", "amqps", "pyamqp")
_FORM = "amqp://user:password@host:port/virtual-host, or amqps://… for TLS"


@dataclass(frozen=True, slots=True)
class AmqpUrl:
    """A checked AMQP URL. Its text, `str()` and `repr()`, names neither the user nor the password nor an option."""

    #: Without its options, with its secrets: what kombu connects to.
    text: str = field(repr=False)
    host: str
    #: The scheme, the host, the port and the virtual host.
    place: str
    tls: bool
    options: TlsOptions = field(repr=False)

    @classmethod
    def parse(cls, text: str) -> "AmqpUrl":
        """Read a URL. Raises InvalidUrl, which names what it has and what was expected."""
        if ";" in text:
            raise InvalidUrl(f"expected one address, {_FORM}; found ';', which stands between addresses of a list")
        check_characters(text)
        try:
            parts = urlsplit(text)
            host, port = parts.hostname or "localhost", f":{parts.port}" if parts.port else ""
        except ValueError:
            raise InvalidUrl(f"expected {_FORM}") from None
        if "@" in parts.path or "@" in parts.query:
            raise InvalidUrl("expected '/', '?' and '@' of a user or password percent-encoded")
        options, tls = pairs(parts.query), parts.scheme == "amqps"
        if options and not tls:
            raise InvalidUrl(f"the option {next(iter(options))} needs TLS: expected {_FORM}")
        return cls(
            text=parts._replace(query="").geturl(),
            host=host,
            place=f"{parts.scheme}://{host}{port}{parts.path}",
            tls=tls,
            options=checked(TlsOptions, options),
        )

    def __str__(self) -> str:
        return self.place
