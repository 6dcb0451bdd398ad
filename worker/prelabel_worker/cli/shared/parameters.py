"""Parameters that several commands share, declared once as the fields of a dataclass."""

import functools
import inspect
from collections.abc import Callable
from dataclasses import fields
from typing import Any

Command = Callable[..., None]


def sharing(kind: type[Any], name: str) -> Callable[[Command], Command]:
    """Give a command every field of `kind` as a parameter of its own; it gets them together, as `name`."""

    def decorate(command: Command) -> Command:
        own = inspect.signature(command, eval_str=True).parameters.values()
        shared = inspect.signature(kind, eval_str=True).parameters.values()
        both = [*shared, *(each for each in own if each.name != name)]
        # Typer takes the order of arguments from here; what must be given comes first, as in any signature.
        parameters = sorted(both, key=lambda each: each.default is not inspect.Parameter.empty)

        @functools.wraps(command)
        def run(**options: Any) -> None:
            given = {each.name: options.pop(each.name) for each in fields(kind)}
            command(**{name: kind(**given)}, **options)

        del run.__wrapped__
        run.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
        run.__annotations__ = {each.name: each.annotation for each in parameters}
        return run

    return decorate
