"""Set up structlog: JSON in production, readable lines on a terminal, no secret in either."""

import logging
import re
import sys
from collections.abc import Mapping, MutableMapping
from typing import Any

import structlog

from prelabel.printing import printable
from prelabel.unix_time import UnixTime
from prelabel_worker.settings import Settings

_PASSWORD_IN_URL = re.compile(r"(://[^:@/\s]*):[^/\s]*@")
_MULTILINE = ("exception", "stack")
_BEARER = re.compile(r"(?i)(bearer\s+)\S+")


def set_up(settings: Settings) -> None:
    """Send structlog and the standard library's loggers through one formatter to stderr."""
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        _timestamp,
        structlog.processors.format_exc_info,
        _Redact(settings),
    ]
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    as_json = settings.log_format == "json" or (settings.log_format == "auto" and not sys.stderr.isatty())
    renderer = structlog.processors.JSONRenderer() if as_json else structlog.dev.ConsoleRenderer()
    for_terminal: list[Any] = [] if as_json else [_printable]  # JSON escapes them itself
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *for_terminal, renderer],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(settings.log_level.upper())
    for noisy in ("httpx", "httpcore", "celery.worker.strategy", "celery.app.trace"):
        logging.getLogger(noisy).setLevel(logging.WARNING)


def _timestamp(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Add the time in the form that all output has."""
    event["timestamp"] = UnixTime.now().iso()
    return event


def _printable(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Escape control characters of the terminal in every text of a log line; a traceback keeps its line breaks."""
    for name, value in event.items():
        if isinstance(value, str):
            event[name] = "\n".join(map(printable, value.split("\n"))) if name in _MULTILINE else printable(value)
    return event


class _Redact:
    """Removes the keys and passwords of the settings from every value of a log line, however deep it is nested."""

    def __init__(self, settings: Settings) -> None:
        # Longest first, since a secret may contain another. One of fewer than 4 characters would mask ordinary text.
        secrets = sorted(settings.secrets, key=len, reverse=True)
        self._secrets = [form for secret in secrets if len(secret) >= 4 for form in (secret, repr(secret)[1:-1])]

    def __call__(self, _logger: Any, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
        for name, value in event.items():
            if not name.startswith("_"):  # structlog's own fields are not shown
                event[name] = self._clean(value)
        return event

    def _clean(self, value: Any) -> Any:
        if value is None or isinstance(value, bool | int | float):
            return value
        if isinstance(value, Mapping):
            return {self._text(str(key)): self._clean(item) for key, item in value.items()}
        if isinstance(value, list | tuple | set | frozenset):
            return [self._clean(item) for item in value]
        return self._text(value if isinstance(value, str) else repr(value))

    def _text(self, text: str) -> str:
        for secret in self._secrets:
            text = text.replace(secret, "***")
        return _BEARER.sub(r"\1***", _PASSWORD_IN_URL.sub(r"\1:***@", text))
