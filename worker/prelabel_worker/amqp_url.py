"""Read and check the URL of a RabbitMQ broker: the counterpart of `prelabel.wire.redis_url`. No I/O."""

from dataclasses import dataclass, field
from urllib.parse import urlsplit

from prelabel.wire.redis_url import InvalidUrl, TlsOptions, check_characters, checked, pairs

SCHEMES = ("amqp", "amqps", "pyamqp")
_FORM = "amqp://user:password@host:port/virtual-host, or amqps://… for TLS"


@dataclass(frozen=True, slots=True)
class AmqpUrl:
    """A checked AMQP URL. `str()` and `repr()` show neither the user, the password nor an option."""

    #: The URL that kombu connects to: with its secrets, without its options.
    text: str = field(repr=False)
    host: str
    #: The scheme, the host, the port and the virtual host.
    place: str
    tls: bool
    options: TlsOptions = field(repr=False)

    @classmethod
    def parse(cls, text: str) -> "AmqpUrl":
        """Read a URL. Raises InvalidUrl, which says what was expected."""
        if ";" in text:
            raise InvalidUrl(f"expected one address, {_FORM}; found ';', which stands between addresses of a list")
        check_characters(text)
        try:
            parts = urlsplit(text)
            host, port = parts.hostname or "localhost", f":{parts.port}" if parts.port else ""
        except ValueError:
            raise InvalidUrl(f"expected {_FORM}") from None
        if "@" in parts.path or "@" in parts.query:
            raise InvalidUrl("expected '/', '?' and '@' in the user and the password to be percent-encoded")
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
