"""Read `.dockerignore`: the last pattern that matches a path or one of its folders decides about the path."""

import re
from collections.abc import Iterable
from pathlib import PurePosixPath


class Ignored:
    """The patterns of one file. It knows `*`, `?`, `**` and `!`, but not the builder's character classes."""

    def __init__(self, text: str) -> None:
        lines = (line.strip() for line in text.splitlines())
        self._patterns = [_pattern(line) for line in lines if line and not line.startswith("#")]

    def __call__(self, path: str) -> bool:
        """Return whether a path, relative to the build's folder, is left out."""
        names = [path, *(str(parent) for parent in PurePosixPath(path).parents)]
        out = False
        for pattern, leaves_out in self._patterns:
            if any(pattern.fullmatch(name) for name in names):
                out = leaves_out
        return out


def _pattern(line: str) -> tuple[re.Pattern[str], bool]:
    text = line.removeprefix("!").strip("/")
    return re.compile("".join(_regex(re.split(r"(\*\*/|\*\*|\*|\?)", text)))), not line.startswith("!")


def _regex(parts: Iterable[str]) -> Iterable[str]:
    special = {"**/": "(?:.*/)?", "**": ".*", "*": "[^/]*", "?": "[^/]"}
    return (special.get(part, re.escape(part)) for part in parts)
