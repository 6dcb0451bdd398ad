"""Parse a Dockerfile into instructions: the syntax that ours uses, and an error for other syntax."""

import json
import re
import shlex
from dataclasses import dataclass

_VARIABLE = re.compile(r"\$\{(\w+)\}|\$(\w+)")


class DockerfileError(ValueError):
    """The Dockerfile has syntax that this parser does not know."""


@dataclass(frozen=True, slots=True)
class Instruction:
    """One instruction; `stage` counts from 0, and is -1 before the first FROM."""

    line: int
    stage: int
    name: str
    text: str

    @property
    def exec_form(self) -> list[str] | None:
        """The words of a JSON array, or None for the shell form."""
        text = self.text[self.text.find("[") :] if self.name == "HEALTHCHECK" else self.text
        try:
            words = json.loads(text)
        except ValueError:
            return None
        return words if isinstance(words, list) and all(isinstance(word, str) for word in words) else None

    @property
    def options(self) -> dict[str, str]:
        """The options before the words, such as `--from=build`."""
        match = re.match(r"(?:--\w[\w-]*=\S+\s+)*", self.text)
        words = (match[0] if match else "").split()
        return dict(word[2:].split("=", 1) for word in words)

    @property
    def words(self) -> list[str]:
        """The words without the options."""
        return shlex.split(re.sub(r"^(?:--\w[\w-]*=\S+\s+)+", "", self.text))


def parse(text: str) -> list[Instruction]:
    """Return the instructions in order, with continued lines joined and without comments. Raises DockerfileError."""
    instructions: list[Instruction] = []
    stage, begun, held = -1, 0, ""
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        begun = begun if held else number
        held += line.strip()
        if held.endswith("\\"):
            held = held[:-1]
            continue
        name, _, rest = held.partition(" ")
        if "<<" in rest:
            raise DockerfileError(f"line {begun}: here-documents are not known here")
        stage += name.upper() == "FROM"
        instructions.append(Instruction(begun, stage, name.upper(), rest.strip()))
        held = ""
    return instructions


def pairs(instruction: Instruction) -> dict[str, str]:
    """Return the values of an ENV, ARG or LABEL by name."""
    values = {}
    for word in shlex.split(instruction.text):
        name, _, value = word.partition("=")
        values[name] = value
    return values


def arguments(instructions: list[Instruction]) -> dict[str, str]:
    """Return the defaults of the ARGs before the first FROM."""
    defaults: dict[str, str] = {}
    for instruction in instructions:
        if instruction.name == "ARG" and instruction.stage == -1:
            defaults |= pairs(instruction)
    return defaults


def expand(text: str, values: dict[str, str]) -> str:
    """Replace `$NAME` and `${NAME}` by their values; an unknown name becomes empty, as in the builder."""
    return _VARIABLE.sub(lambda match: values.get(match[1] or match[2], ""), text)
