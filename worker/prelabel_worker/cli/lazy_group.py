"""Groups of commands that are declared by name; the module of a command is imported when the command is called.

Help and completion list a group without importing those modules. Typer makes the called command from its function, as
if it had been registered, so there is one way in which arguments are parsed.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import Any

import typer
from typer.core import TyperCommand, TyperGroup

from prelabel.errors import PrelabelError
from prelabel.lazy import without_collections
from prelabel_worker.cli import EXTRAS, needs_extra

_PACKAGE = "prelabel_worker.cli"
_EXAMPLE = "Example: "
"""Begins a paragraph that help leaves on its line, after a backspace for click: a command is pasted as it stands."""


@dataclass(frozen=True, slots=True)
class Declared:
    """A command that is not loaded yet."""

    #: Where its function is: `module:function` in this package.
    place: str
    #: The first sentence of the function's docstring.
    help: str


@dataclass(frozen=True, slots=True)
class Noun:
    """A group of commands about one thing."""

    help: str
    commands: Mapping[str, Declared]


class ExtraMissing(PrelabelError):
    """The command needs a distribution that is not installed."""


class LazyCommand(TyperCommand):
    """Stands for a command in a group, and loads it when it is called or its options are needed."""

    def __init__(self, name: str, declared: Declared) -> None:
        super().__init__(name, help=declared.help, rich_markup_mode=None)
        self._declared = declared

    def get_short_help_str(self, limit: int = 0) -> str:
        """Return the whole sentence for the list of commands, which wraps it; click would cut it at the limit.

        Shells' completions have no limit of their own and get the short form: each of theirs must be one line.
        """
        return self.help or "" if limit else super().get_short_help_str()

    def make_context(self, info_name: str | None, args: list[str], parent: Any = None, **extra: Any) -> Any:
        """Return the context of the command itself. Raises ExtraMissing."""
        return self.load().make_context(info_name, args, parent, **extra)

    def load(self) -> Any:
        """Import the command's module and make the command. Raises ExtraMissing."""
        module, _, function = self._declared.place.partition(":")
        try:
            with without_collections():
                callback = getattr(import_module(f"{_PACKAGE}.{module}"), function)
        except ModuleNotFoundError as error:
            if (error.name or "").startswith("prelabel"):
                raise
            raise ExtraMissing(needs_extra(EXTRAS.get(self.name or "", "worker"))) from None
        only = typer.Typer(add_completion=False, pretty_exceptions_enable=False, rich_markup_mode=None)
        only.command(self.name)(callback)
        with without_collections():  # typer loads what reads the options
            command = typer.main.get_command(only)
        command.help = (command.help or "").replace(_EXAMPLE, f"\b\n{_EXAMPLE}")
        return command


class NounGroup(TyperGroup):
    """The commands about one thing."""

    def get_short_help_str(self, limit: int = 0) -> str:
        """Return the whole sentence where there is a limit, as `LazyCommand` does."""
        return self.help or "" if limit else super().get_short_help_str()


def group_of(declared: Mapping[str, Declared | Noun]) -> type[TyperGroup]:
    """Return a class of groups with these commands, for a typer application."""

    class Group(TyperGroup):
        def __init__(self, **options: Any) -> None:
            super().__init__(**options)
            self.commands.update(_commands(declared))

    return Group


def _commands(declared: Mapping[str, Declared | Noun]) -> dict[str, Any]:
    return {
        name: _noun(name, entry) if isinstance(entry, Noun) else LazyCommand(name, entry)
        for name, entry in declared.items()
    }


def _noun(name: str, noun: Noun) -> NounGroup:
    commands = _commands(noun.commands)
    return NounGroup(name=name, help=noun.help, commands=commands, no_args_is_help=True, rich_markup_mode=None)
