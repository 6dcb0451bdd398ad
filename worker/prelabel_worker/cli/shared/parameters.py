"""Parameters that several commands share, declared once as the fields of a dataclass."""

import functools
import inspect
from collections.abc import Callable
from dataclasses import fields
from typing import Any

Command = Callable[..., None]


def sharing(kind: type[Any], name: str) -> Callable[[Command], Command]:
    """Return a decorator that gives a command every field of `kind` as an option or argument.

    The command receives their values as one `kind`, in its parameter `name`.
    """

    def decorate(command: Command) -> Command:
        own = inspect.signature(command, eval_str=True).parameters.values()
        shared = inspect.signature(kind, eval_str=True).parameters.values()
        both = [*shared, *(parameter for parameter in own if parameter.name != name)]
        # Typer takes the order of arguments from here; a signature needs parameters without a default first.
        parameters = sorted(both, key=lambda parameter: parameter.default is not inspect.Parameter.empty)

        @functools.wraps(command)
        def run(**options: Any) -> None:
            values = {field.name: options.pop(field.name) for field in fields(kind)}
            command(**{name: kind(**values)}, **options)

        del run.__wrapped__
        run.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
        run.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
        return run

    return decorate
