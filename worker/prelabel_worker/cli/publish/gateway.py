"""`prelabel gateway`: publish over HTTP, for fleets that are not Python."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer

from prelabel import web_server
from prelabel.access_tokens import Tokens, digest_of, new_token
from prelabel.gateway.server import open_gateway, serve_gateway
from prelabel.gateway.settings import Limits
from prelabel.gateway.settings import Settings as GatewaySettings
from prelabel.gateway.tokens import TokenFile, read_tokens
from prelabel.mapping import PredictionMapping, read_mapping
from prelabel_worker import logs
from prelabel_worker.cli.shared.configuration import settings_for
from prelabel_worker.cli.shared.http_server import check_token_option, warn_of_other_machines
from prelabel_worker.cli.shared.parameters import sharing
from prelabel_worker.cli.shared.terminal import AWAY, RedisUrl, print_line, say, usage

_DEFAULTS = GatewaySettings()
_LIMITS = _DEFAULTS.limits
_VARIABLES = "PRELABEL_GATEWAY_"


def _option(name: str, meaning: str, **more: Any) -> Any:
    """Declare an option that the environment can set too."""
    return typer.Option(f"--{name}", envvar=f"{_VARIABLES}{name.replace('-', '_').upper()}", help=meaning, **more)


@dataclass(frozen=True, slots=True)
class _Access:
    """Who may publish. Each field is an option of the command."""

    token: Annotated[
        str | None, _option("token", "A token that may publish; other users of this machine can read an option.")
    ] = None
    tokens: Annotated[
        str | None, _option("tokens", "Tokens by name: name:SHA-256 in hexadecimal, with commas between them.")
    ] = None
    tokens_file: Annotated[
        Path | None, _option("tokens-file", "A file of such entries, one a line; it is read again when it changes.")
    ] = None

    def read(self) -> tuple[Tokens[str], str | None]:
        """Return the tokens, and the one that was made because none is given. Exit code 2 for a short one."""
        made = None
        if self.token is None and self.tokens is None and self.tokens_file is None:
            made = new_token()
        check_token_option(self.token)
        names = read_tokens(self.tokens or "", f"--tokens or {_VARIABLES}TOKENS")
        names |= {digest_of(token): "token" for token in (self.token, made) if token}
        file = TokenFile(self.tokens_file) if self.tokens_file else None
        return Tokens(lambda: names | file.names() if file else names), made


@dataclass(frozen=True, slots=True)
class _Rows:
    """How bodies become messages, and the limits of requests. Each field is an option of the command."""

    mapping: Annotated[
        Path | None, _option("mapping", "A mapping.toml: how bodies become messages, and of which projects.")
    ] = None
    project: Annotated[str | None, _option("project", "The project of messages that name none.")] = None
    model: Annotated[str | None, _option("model", "The model of messages that name none.")] = None
    global_key: Annotated[
        str | None,
        _option("global-key", "Template of a data row's global key, such as {header.x-frame-id} or {body.image.path}."),
    ] = None
    max_body_bytes: Annotated[int, _option("max-body-bytes", "Maximum bytes of a body as sent.", min=1)] = (
        _LIMITS.body_bytes
    )
    max_unpacked_bytes: Annotated[int, _option("max-unpacked-bytes", "Maximum bytes of a body, unpacked.", min=1)] = (
        _LIMITS.unpacked_bytes
    )
    max_rows: Annotated[int, _option("max-rows", "Maximum rows of a request.", min=1)] = _LIMITS.rows
    max_requests: Annotated[int, _option("max-requests", "Maximum requests at a time.", min=1)] = _LIMITS.requests
    body_seconds: Annotated[float, _option("body-seconds", "How long a body may take to come.", min=0.1)] = (
        _LIMITS.body_seconds
    )
    answer_seconds: Annotated[
        float, _option("answer-seconds", "How long an answer waits until rows are safe.", min=0.1)
    ] = _LIMITS.answer_seconds

    def limits(self) -> Limits:
        """Return the limits of requests."""
        return Limits(
            self.max_body_bytes,
            self.max_unpacked_bytes,
            self.max_rows,
            self.body_seconds,
            self.answer_seconds,
            self.max_requests,
        )

    def read_mapping(self) -> PredictionMapping | None:
        """Return the mapping with what the options say; None if nothing is to be mapped. Raises BadMapping."""
        if self.mapping is None and not (self.project or self.model or self.global_key):
            return None
        mapping = PredictionMapping() if self.mapping is None else read_mapping(self.mapping)
        return mapping.with_defaults(self.project, self.model, self.global_key)


@sharing(_Access, "access")
@sharing(_Rows, "rows")
def gateway(
    port: Annotated[int, _option("port", "Port to listen on; 0 picks a free one.", min=0, max=65_535)] = 8990,
    host: Annotated[str, _option("host", "Address to listen on.")] = "127.0.0.1",
    access: _Access = _Access(),
    rows: _Rows = _Rows(),
    spool_dir: Annotated[
        Path | None, _option("spool-dir", "A folder on a local disk for rows that Redis does not accept.")
    ] = None,
    spool_bytes: Annotated[
        int, _option("spool-bytes", "Maximum bytes on the disk for one project.", min=1)
    ] = _DEFAULTS.spool_bytes,
    buffer_rows: Annotated[int, _option("buffer-rows", "Maximum rows of one project in memory.", min=1)] = (
        _DEFAULTS.buffer_rows
    ),
    redis_url: RedisUrl = None,
) -> None:
    """Accept predictions over HTTP and publish them: JSON, NDJSON and CloudEvents, from any language.

    An answer 200 means that each accepted row is safe in Redis, or on this disk with --spool-dir. It starts and answers
    while Redis is away too. Without a token it makes one and prints it. It listens on this machine only, unless --host
    says otherwise. Exit code 4 if rows are lost at the end.

    Example: prelabel gateway --port 8990 --project demo-project
    """
    settings = settings_for(redis_url)
    tokens, made = access.read()
    logs.set_up(settings)
    logs.capture()
    try:
        opened = open_gateway(
            GatewaySettings(
                settings.redis_url.get_secret_value(),
                settings.key_prefix,
                settings.durability,
                spool_dir,
                spool_bytes,
                buffer_rows,
                rows.read_mapping(),
                rows.limits(),
            ),
            tokens,
        )
    except (ValueError, OSError) as error:
        usage(str(error))
    listening = web_server.listen(host, port)

    def started() -> None:
        print_line(f"gateway at {web_server.address_of(listening, host)}{f', token {made}' if made else ''}")
        warn_of_other_machines(host)

    serve_gateway(opened, listening, started)
    if opened.lost:
        say(f"rows are lost: {opened.lost}")
        raise typer.Exit(AWAY)
