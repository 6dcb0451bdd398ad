"""Settings, read once from the environment and `.env`. API keys in files are read again when the files change.

No other module reads either, except `redis_settings`, which declares two of the settings and can read those two alone.
"""

import ipaddress
import json
from collections.abc import Container, Mapping
from typing import Annotated, Any, Literal
from urllib.parse import quote, unquote, urlsplit

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PrivateAttr,
    SecretStr,
    ValidationError,
    field_validator,
    model_validator,
)
from pydantic.fields import FieldInfo
from pydantic_settings import (
    BaseSettings,
    DotEnvSettingsSource,
    EnvSettingsSource,
    NoDecode,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
)

from prelabel.access_tokens import MAKES_ONE, checked_digest, checked_name
from prelabel.wire.durability import Durability
from prelabel.wire.redis_url import InvalidUrl, RedisUrl
from prelabel_worker.amqp_url import SCHEMES, AmqpUrl
from prelabel_worker.errors import ConfigurationError
from prelabel_worker.labelbox.api_keys import KeyFile, Keys
from prelabel_worker.labelbox.endpoint import Endpoint, is_this_machine, web_address
from prelabel_worker.redis_settings import (
    ENV_FILE,
    ENV_FILE_ENCODING,
    ENV_PREFIX,
    FILE_SUFFIX,
    KEY_PREFIX,
    REDIS_URL,
    not_utf_8,
    secret_of_file,
)

SECRETS = ("redis_url", "broker_url", "labelbox_api_key", "account_keys", "notify_url", "console_tokens")
"""The settings that may be in files: `PRELABEL_…_FILE` names the file."""

_SHARED = (
    "durability", "labelbox_endpoint", "server_limit_seconds", "import_deadline_seconds", "frame_memory_days",
    "history_days", "history_megabytes", "dead_letter_days",
)  # fmt: skip
"""Settings that all workers must have alike: whichever works on a row decides for all, and the smallest value wins."""


class _WithFiles(PydanticBaseSettingsSource):
    """The environment or `.env`, with the secrets of the files that it names."""

    def __init__(self, settings_cls: type[BaseSettings], source: EnvSettingsSource) -> None:
        super().__init__(settings_cls)
        self._source = source

    def get_field_value(self, field: FieldInfo, field_name: str) -> tuple[Any, str, bool]:
        """Raise NotImplementedError: pydantic calls the object instead."""
        raise NotImplementedError

    def __call__(self) -> dict[str, Any]:
        """Return every setting that the source has."""
        return self.read(known=())

    def read(self, *, known: Container[str]) -> dict[str, Any]:
        """Return every setting that the source has, without files of secrets that are `known` already.

        Raises ConfigurationError for a file that cannot be used.
        """
        variables = {name.upper(): value for name, value in self._source.env_vars.items()}
        wanted = [name for name in SECRETS if name not in known]
        files = {name: secret_of_file(f"{ENV_PREFIX}{name.upper()}", variables) for name in wanted}
        found = {name: self._value(name, text) for name, text in files.items() if text is not None}
        return self._source() | found

    def _value(self, name: str, text: str) -> Any:
        """Return the value of a file, which is JSON if the setting has parts."""
        if not isinstance(self.settings_cls.model_fields[name].default, dict):
            return text
        try:
            return json.loads(text)
        except ValueError:
            raise ConfigurationError(f"{ENV_PREFIX}{name.upper()}{FILE_SUFFIX}: the file is no JSON") from None


class _UnmixedSources(PydanticBaseSettingsSource):
    """Sources in order of precedence. Each setting is taken whole from one: account keys of two are never mixed."""

    def __init__(self, settings_cls: type[BaseSettings], *sources: PydanticBaseSettingsSource) -> None:
        super().__init__(settings_cls)
        self._sources = sources

    def get_field_value(self, field: FieldInfo, field_name: str) -> tuple[Any, str, bool]:
        """Raise NotImplementedError: pydantic calls the object instead."""
        raise NotImplementedError

    def __call__(self) -> dict[str, Any]:
        """Return every setting that a source has."""
        values: dict[str, Any] = {}
        for source in self._sources:
            found = source.read(known=values) if isinstance(source, _WithFiles) else source()
            values = found | values
        return values


ConsoleRole = Literal["viewer", "operator", "admin"]


class ConsoleToken(BaseModel):
    """Somebody who may use the console. Only the digest of the token is known."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    #: What the holder may do.
    role: ConsoleRole
    #: The SHA-256 of the token, in hexadecimal.
    sha256: Annotated[str, BeforeValidator(checked_digest)]

    @model_validator(mode="before")
    @classmethod
    def _fields(cls, entry: Any) -> Any:
        if not isinstance(entry, dict):
            found = "no object"
        elif set(entry) == set(cls.model_fields):
            return entry
        else:
            missing = [f"no {name}" for name in cls.model_fields if name not in entry]
            found = " and ".join(missing) or "another field beside them"
        raise ValueError(f'expected {{"role": "viewer", "sha256": "…"}}; found {found}; {MAKES_ONE}')


class Settings(BaseSettings):
    """The settings of a worker. Each name is an environment variable with the prefix `PRELABEL_`."""

    model_config = SettingsConfigDict(
        env_prefix=ENV_PREFIX,
        env_file=ENV_FILE,
        env_file_encoding=ENV_FILE_ENCODING,
        extra="ignore",
        frozen=True,
        hide_input_in_errors=True,
        allow_inf_nan=False,
    )

    redis_url: SecretStr = Field(SecretStr(REDIS_URL.default), description=REDIS_URL.description)
    broker_url: SecretStr | None = Field(
        None, description="Celery's broker; by default the same Redis, which must not be a cluster."
    )
    key_prefix: str = Field(KEY_PREFIX.default, description=KEY_PREFIX.description)
    durability: Durability = Field(
        "fsync",
        description="What makes Redis's answer durable: `fsync` (the server runs with appendfsync always), "
        "`waitaof` (Redis or Valkey 7.2) or `replica`.",
    )
    labelbox_endpoint: str = Field(
        "https://api.labelbox.com/graphql",
        description="Full URL of the GraphQL endpoint.",
    )
    labelbox_api_key: SecretStr = Field(SecretStr(""), description="The key; sent as a bearer token.")
    account: str = Field(
        "default", pattern=r"^[A-Za-z0-9_-]{1,64}$", description="The account whose request budget the key uses."
    )
    account_keys: Annotated[dict[str, SecretStr], NoDecode] = Field(
        {},
        description='Keys of more accounts as JSON, `{"name": "key"}`; `prelabel project set --account` chooses one.',
    )
    requests_per_minute: int = Field(
        1200,
        ge=2,
        le=1_000_000,
        description="Maximum requests of the account in any 60 s: 80 % of the plan's limit.",
    )
    request_burst: int = Field(
        20, ge=1, description="Requests that may be sent at once after a quiet time; they count against the limit."
    )
    request_timeout_seconds: float = Field(
        60, gt=0, le=600, description="Seconds without an answer after which a request is given up."
    )
    server_limit_seconds: float = Field(
        100,
        ge=0,
        le=3600,
        description="Longest time Labelbox may still act on a request whose answer was lost.",
    )
    import_deadline_seconds: float = Field(
        21_600, gt=0, description="Longest time an import may run; after that, its rows become dead letters."
    )
    poll_min_seconds: float = Field(1, gt=0, description="First wait before an import's state is asked for.")
    poll_max_seconds: float = Field(30, gt=0, description="Longest wait between two requests for an import's state.")
    backoff_base_seconds: float = Field(1, gt=0, description="Upper bound of the first wait after a failure.")
    backoff_max_seconds: float = Field(60, gt=0, description="Upper bound of any wait after a failure.")
    chunk_rows: int = Field(5000, ge=1, le=100_000, description="Maximum rows in one import.")
    chunk_bytes: int = Field(
        20_000_000, ge=1000, le=500_000_000, description="Maximum bytes of messages in one import."
    )
    chunk_slow_annotations: int = Field(1000, ge=1, description="Maximum masks in one import; they import slowly.")
    chunk_frames: int = Field(500, ge=1, le=2000, description="Maximum frames in one import.")
    linger_seconds: float = Field(1, ge=0, le=3600, description="How long a row waits for a chunk to fill.")
    open_chunks: int = Field(8, ge=1, le=1024, description="Maximum chunks of one project at a time.")
    lease_seconds: float = Field(
        10,
        ge=1,
        le=300,
        description="How long a worker without a sign of life keeps its chunk; bounds the time of recovery.",
    )
    frame_memory_days: float = Field(
        7,
        gt=0,
        le=365,
        description="How long a settled frame's id is remembered, so that a repeat is not counted.",
    )
    history_days: float = Field(
        7, ge=0, le=365, description="How long the outcome of an import and of its rows is kept; 0: not at all."
    )
    history_megabytes: float = Field(
        64,
        ge=0,
        le=100_000,
        description="Maximum memory of this history for one project (about 14 bytes a row); the oldest goes first.",
    )
    dead_letter_days: float = Field(
        90,
        ge=0,
        le=36_500,
        description="A dead letter that nobody retries for this long is discarded; 0: kept for ever.",
    )
    freshness_seconds: float = Field(
        3600,
        ge=0,
        le=31_536_000,
        description="A project is late when its oldest row without an outcome is older than this; 0: never.",
    )
    notify_url: SecretStr = Field(
        SecretStr(""),
        description="A webhook that is told what is wrong, and when it is over: `https://…`, or a loopback address.",
    )
    console_url: str = Field("", description="The address of `prelabel console`, for the links of notifications.")
    environment: str = Field(
        "",
        pattern=r"^[A-Za-z0-9 _.-]{0,32}$",
        description="What the console calls this installation on each page, such as `production`.",
    )
    console_tokens: Annotated[dict[Annotated[str, AfterValidator(checked_name)], ConsoleToken], NoDecode] = Field(
        {},
        description='Who may use the console, as JSON: `{"name": {"role": "viewer", "sha256": "…"}}` with the role '
        "`viewer`, `operator` or `admin`, and the SHA-256 of a random token in hexadecimal.",
    )
    console_proxy_header: str = Field(
        "",
        pattern=r"^[A-Za-z0-9-]{0,64}$",
        description="The header in which a proxy that authenticates names the user, such as `X-Forwarded-User`; "
        "the proxy must remove it from what others send.",
    )
    console_proxy_role: ConsoleRole = Field(
        "viewer", description="What the users of the proxy may do: `viewer`, `operator` or `admin`."
    )
    console_proxy_addresses: Annotated[list[str], NoDecode] = Field(
        [],
        description='Addresses or networks of the proxy as JSON, such as `["10.0.0.0/8"]`; this machine is always '
        "believed, others are not.",
    )
    log_format: Literal["auto", "json", "console"] = Field(
        "auto", description="`auto`: readable on a terminal, JSON elsewhere."
    )
    log_level: Literal["debug", "info", "warning", "error"] = Field("info", description="Lowest level that is logged.")

    #: The files that keys come from, by the name of their setting.
    _key_files: dict[str, KeyFile] = PrivateAttr(default_factory=dict)

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Read options, then the environment, then `.env`."""
        sources = [
            _WithFiles(settings_cls, source)
            for source in (env_settings, dotenv_settings)
            if isinstance(source, EnvSettingsSource)
        ]
        return (_UnmixedSources(settings_cls, init_settings, *sources),)

    @field_validator("account_keys", "console_tokens", "console_proxy_addresses", mode="before")
    @classmethod
    def _json(cls, value: Any) -> Any:
        if not isinstance(value, str):
            return value
        try:
            return json.loads(value)
        except ValueError:
            raise ValueError("expected JSON; found a text that is none") from None

    @field_validator("redis_url")
    @classmethod
    def _redis_url(cls, url: SecretStr) -> SecretStr:
        REDIS_URL.check(url.get_secret_value())
        return url

    @field_validator("key_prefix")
    @classmethod
    def _key_prefix(cls, prefix: str) -> str:
        KEY_PREFIX.check(prefix)
        return prefix

    @field_validator("console_proxy_addresses")
    @classmethod
    def _console_proxy_addresses(cls, addresses: list[str]) -> list[str]:
        for address in addresses:
            _check_network(address)
        return addresses

    @field_validator("broker_url")
    @classmethod
    def _broker_url(cls, url: SecretStr | None) -> SecretStr | None:
        if url is not None:
            _broker(url.get_secret_value())
        return url

    @field_validator("labelbox_endpoint")
    @classmethod
    def _labelbox_endpoint(cls, endpoint: str) -> str:
        Endpoint.parse(endpoint)
        return endpoint

    @field_validator("labelbox_api_key")
    @classmethod
    def _api_key(cls, key: SecretStr) -> SecretStr:
        _check_key(key)
        return key

    @field_validator("notify_url")
    @classmethod
    def _notify_url(cls, url: SecretStr) -> SecretStr:
        text = url.get_secret_value()
        if text and (parts := web_address(text)).scheme != "https" and not is_this_machine(parts.hostname or ""):
            raise ValueError("expected https://…: messages would travel in clear otherwise")
        return url

    @field_validator("console_url")
    @classmethod
    def _console_url(cls, url: str) -> str:
        if url:
            web_address(url)
        return url

    @field_validator("account_keys")
    @classmethod
    def _account_keys(cls, api_keys: dict[str, SecretStr]) -> dict[str, SecretStr]:
        for key in api_keys.values():
            _check_key(key)
        return api_keys

    @property
    def state(self) -> RedisUrl:
        """The URL of the Redis that holds the rows."""
        return RedisUrl.parse(self.redis_url.get_secret_value())

    @property
    def broker(self) -> RedisUrl | AmqpUrl:
        """The URL of Celery's broker. Raises ConfigurationError if it is a cluster."""
        url = _broker((self.broker_url or self.redis_url).get_secret_value())
        if isinstance(url, RedisUrl) and url.cluster:
            raise ConfigurationError(
                "PRELABEL_BROKER_URL: Celery's broker is one Redis or RabbitMQ, not a Redis Cluster"
            )
        return url

    @property
    def shared(self) -> dict[str, str]:
        """The settings that all workers must have alike, by name, as texts without secrets; of an endpoint its host."""
        values = {name: getattr(self, name) for name in _SHARED}
        values["labelbox_endpoint"] = Endpoint.parse(self.labelbox_endpoint).address
        return {name: f"{value:g}" if isinstance(value, float) else str(value) for name, value in values.items()}

    @property
    def api_keys(self) -> set[str]:
        """Every key that these settings have now."""
        return {key.get_secret_value() for key in self._keys.values()}

    @property
    def accounts(self) -> set[str]:
        """The accounts that these settings have a key for now."""
        return set(self._keys)

    def key_of(self, account: str) -> SecretStr | None:
        """Return the key that an account has now; None when these settings have none."""
        return self._keys.get(account)

    def look_at_key_files(self) -> None:
        """Read the files of keys that have changed now, instead of within `api_keys.LOOK_SECONDS`."""
        for file in self._key_files.values():
            file.look()

    @property
    def _keys(self) -> Keys:
        """Account → the key that it has now."""
        given: dict[str, Keys] = {
            "account_keys": self.account_keys,
            "labelbox_api_key": {self.account: self.labelbox_api_key},
        }
        current = given | {name: file.keys() for name, file in self._key_files.items()}
        keys = {**current["account_keys"], **current["labelbox_api_key"]}
        return {account: key for account, key in keys.items() if key.get_secret_value()}

    @property
    def keys_ever(self) -> tuple[str, ...]:
        """The keys of files, with those that were replaced. Looks at no file."""
        return tuple(key for file in self._key_files.values() for key in file.ever)

    @property
    def secrets(self) -> set[str]:
        """The texts that must not be printed anywhere: keys, and passwords, plain and as URLs encode them."""
        keys = (self.labelbox_api_key, *self.account_keys.values())
        secrets = {key.get_secret_value() for key in keys} | set(self.keys_ever)
        for url in (self.redis_url, self.broker_url):
            if url is not None:
                secrets |= _passwords(url.get_secret_value())
        webhook = self.notify_url.get_secret_value()
        path = urlsplit(webhook).path.strip("/")
        return (secrets | {webhook, path}) - {""}


def _broker(text: str) -> RedisUrl | AmqpUrl:
    """Read a broker's URL. Raises InvalidUrl."""
    scheme = text.partition("://")[0]
    if scheme in SCHEMES:
        return AmqpUrl.parse(text)
    try:
        return RedisUrl.parse(text)
    except InvalidUrl as error:
        raise InvalidUrl(f"{error}; or amqp://… for RabbitMQ" if "scheme" in str(error) else str(error)) from None


def _passwords(text: str) -> set[str]:
    """Return the password of a URL as it is written there, decoded, and fully encoded."""
    encoded = urlsplit(text).password or ""
    plain = unquote(encoded)
    return {encoded, plain, quote(plain, safe="")}


def _check_network(text: str) -> None:
    try:
        ipaddress.ip_network(text, strict=False)
    except ValueError:
        raise ValueError("expected addresses or networks, such as 10.0.0.0/8") from None


def _check_key(key: SecretStr) -> None:
    """Raise ValueError for a key with characters that no header can hold."""
    if not all("!" <= character <= "~" for character in key.get_secret_value()):
        raise ValueError("expected only printable ASCII characters; found a space, a line break or another character")


def _watch_keys(settings: Settings, overrides: Container[str]) -> None:
    """Let the settings look at the files that their keys came from."""
    endpoint = Endpoint.parse(settings.labelbox_endpoint)

    def checked(keys: Keys) -> Keys:
        for key in keys.values():
            _check_key(key)
            if not endpoint.may_have(key.get_secret_value()):
                raise ConfigurationError(endpoint.refusal)
        return keys

    def own(text: str) -> Keys:
        return checked({settings.account: SecretStr(text)})

    def others(text: str) -> Keys:
        values = json.loads(text)
        if not isinstance(values, dict) or not values or not all(v and isinstance(v, str) for v in values.values()):
            raise ValueError('expected {"name": "key"} with at least one key')
        return checked({name: SecretStr(key) for name, key in values.items()})

    found = {"labelbox_api_key": (own, {settings.account: settings.labelbox_api_key})}
    found["account_keys"] = (others, settings.account_keys)
    for name, (parse, keys) in found.items():
        path = None if name in overrides else _path_of(name)
        if path:
            settings._key_files[name] = KeyFile(f"{ENV_PREFIX}{name.upper()}", path, keys, parse)


def _path_of(name: str) -> str | None:
    """Return the file that a secret came from; None if it came from elsewhere."""
    variable = f"{ENV_PREFIX}{name.upper()}"
    for source in (EnvSettingsSource(Settings), DotEnvSettingsSource(Settings)):
        variables = {name.upper(): value for name, value in source.env_vars.items()}
        path = variables.get(f"{variable}{FILE_SUFFIX}")
        if path or variable in variables:
            return path or None
    return None


_ENVIRONMENT, _FILE = "the environment or an option", ".env in the current folder"


def _check_sources(settings: Settings, overrides: Mapping[str, Any]) -> None:
    """Refuse an endpoint from one source with a key from another: whoever wrote the endpoint would get the key.

    Options and the environment count as one source, `.env` as the other. Labelbox's own endpoint is fine with any key.
    """
    if settings.labelbox_endpoint == Settings.model_fields["labelbox_endpoint"].default:
        return
    from_environment = {**overrides, **_WithFiles(Settings, EnvSettingsSource(Settings))()}

    def source(name: str) -> str:
        return _ENVIRONMENT if name in from_environment else _FILE

    endpoint = source("labelbox_endpoint")
    keys = {"labelbox_api_key": [settings.labelbox_api_key], "account_keys": [*settings.account_keys.values()]}
    for name, values in keys.items():
        # An empty file may get a key later.
        has_key = name in settings._key_files or any(value.get_secret_value() for value in values)
        if has_key and source(name) != endpoint:
            raise ConfigurationError(
                f"PRELABEL_LABELBOX_ENDPOINT comes from {endpoint}, and PRELABEL_{name.upper()} from {source(name)}: "
                "nothing was sent, since an endpoint from one source must not receive a key from another; set both in "
                "the same place"
            )


def _place(loc: tuple[int | str, ...]) -> str:
    """Return where a problem is, as environment variables are written; a name that is wrong itself is left out."""
    parts = loc[:-2] if loc[-1] == "[key]" else loc
    return ".".join(str(part) for part in parts).upper()


def load_settings(**overrides: Any) -> Settings:
    """Read the settings. Raises ConfigurationError with all problems in one message, without their values.

    The endpoint and its keys must come from one source.
    """
    settings = read_settings(**overrides)
    _check_sources(settings, overrides)
    return settings


def read_settings(**overrides: Any) -> Settings:
    """Read the settings without a check of their sources: do not use them for Labelbox. Raises ConfigurationError."""
    try:
        settings = Settings(**overrides)
    except UnicodeDecodeError:
        raise not_utf_8() from None
    except ValidationError as error:
        problems = [
            f"{ENV_PREFIX}{_place(problem['loc'])}: {problem['msg'].removeprefix('Value error, ')}"
            for problem in error.errors(include_input=False, include_url=False)
        ]
        raise ConfigurationError("; ".join(problems)) from None
    if settings.request_burst >= settings.requests_per_minute:
        raise ConfigurationError("PRELABEL_REQUEST_BURST must be below PRELABEL_REQUESTS_PER_MINUTE")
    _watch_keys(settings, overrides)
    return settings
