"""Set up structlog: JSON in production, readable lines on a terminal, no secret in either.

Everything that a worker writes is an event, also what libraries and the interpreter have to say: a program that reads
the log needs no other rule than one event a line.
"""

import logging
import os
import re
import sys
import threading
import warnings
from collections.abc import Callable, Mapping, MutableMapping
from types import TracebackType
from typing import Any, TextIO

import structlog

from prelabel.printing import printable
from prelabel.unix_time import UnixTime
from prelabel_worker.settings import Settings

_PASSWORD_IN_URL = re.compile(r"(://[^:@/\s]*):[^/\s]*@")
_MULTILINE = ("exception", "stack")
_BEARER = re.compile(r"(?i)(bearer\s+)\S+")
_NO_EXIT = (SystemExit, KeyboardInterrupt)
_log = structlog.get_logger(__name__)

Translate = Callable[[str, Any, Any], Mapping[str, Any] | None]
"""Returns a library's message (its logger, text and arguments) as the fields of an event; None if it is unknown."""


def set_up(settings: Settings, translate: Translate = lambda _logger, _text, _arguments: None) -> None:
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
        processors=[
            structlog.stdlib.filter_by_level,
            *shared,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
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
            foreign_pre_chain=[_Translated(translate), *shared],
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *for_terminal, renderer],
            pass_foreign_args=True,
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(settings.log_level.upper())
    pools = logging.getLogger("multiprocessing")  # does not pass its records on, so it needs the handler itself
    pools.propagate, pools.handlers[:] = False, [handler]
    for noisy in ("httpx", "httpcore", "celery.worker.strategy", "celery.app.trace"):
        logging.getLogger(noisy).setLevel(logging.WARNING)


def capture() -> None:
    """Log the warnings and the unhandled errors of this process, which the interpreter would print as they are."""
    warnings.showwarning = _log_warning
    sys.excepthook = _log_error
    threading.excepthook = lambda unhandled: _log_error(
        unhandled.exc_type, unhandled.exc_value, unhandled.exc_traceback, thread=getattr(unhandled.thread, "name", "")
    )
    sys.unraisablehook = lambda unhandled: _log_error(
        unhandled.exc_type, unhandled.exc_value, unhandled.exc_traceback, place=repr(unhandled.object)
    )


def log_from_signal(event: str, **fields: Any) -> None:
    """Log an event in a signal handler, which may have interrupted another log call: past the streams' buffers."""
    formatter = next((handler.formatter for handler in logging.getLogger().handlers), None)
    if formatter is None or sys.__stderr__ is None:
        return
    level = {"levelno": logging.INFO, "levelname": "INFO"}
    record = logging.makeLogRecord({"name": __name__, "msg": event, "fields": fields, **level})
    try:
        os.write(sys.__stderr__.fileno(), f"{formatter.format(record)}\n".encode())
    except (OSError, ValueError):
        return  # nobody reads the log any more


def _log_warning(
    message: Warning | str,
    category: type[Warning],
    filename: str,
    lineno: int,
    file: TextIO | None = None,
    line: str | None = None,
) -> None:
    place = f"{os.path.basename(filename)}:{lineno}"
    _log.warning("python.warning", category=category.__name__, detail=" ".join(str(message).split()), place=place)


def _log_error(
    kind: type[BaseException], error: BaseException | None, trace: TracebackType | None, **fields: str
) -> None:
    if not issubclass(kind, _NO_EXIT):
        _log.critical("worker.unhandled", exc_info=(kind, error, trace), **fields)


class _Translated:
    """Turns a library's message into an event with fields: in words of ours if it is known, else in its first line."""

    def __init__(self, translate: Translate) -> None:
        self._translate = translate

    def __call__(self, _logger: Any, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
        record, arguments = event["_record"], event.pop("positional_args")
        fields = getattr(record, "fields", None) or self._translate(record.name, record.msg, arguments)
        if fields:
            return {**event, **fields}
        first, _, rest = str(event["event"]).strip().partition("\n")
        event["event"] = first
        if rest:
            event["detail"] = " ".join(rest.split())
        return event


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
    """Removes the keys and passwords of the settings from every value of a log line, however deep it is nested.

    A key that was replaced while the process runs is removed like the one that replaced it.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._read()

    def _read(self) -> None:
        # Longest first, since a secret may contain another. One of fewer than 4 characters would mask ordinary text.
        self._keys_ever = self._settings.keys_ever
        secrets = sorted(self._settings.secrets, key=len, reverse=True)
        self._secrets = [form for secret in secrets if len(secret) >= 4 for form in (secret, repr(secret)[1:-1])]

    def __call__(self, _logger: Any, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
        if self._settings.keys_ever != self._keys_ever:
            self._read()
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
