"""Print foreign text and commands so that no terminal obeys the text and no shell runs parts of it.

Foreign text is text that somebody else wrote: names, keys, messages, reasons, a server's texts. `str.isprintable`
decides which characters are safe: not control characters, bidirectional marks, line separators or lone surrogates.
"""

import re
import shlex
import shutil
import sys
from pathlib import Path

_PROGRAM = "prelabel"
_SPECIAL = re.compile(r"[\\'!]")


def printable(text: str) -> str:
    """Return the text with a visible escape, such as `\\x1b`, for every character that cannot be printed."""
    if text.isprintable():
        return text
    return "".join(letter if letter.isprintable() else ascii(letter)[1:-1] for letter in text)


def printable_json(text: str) -> str:
    """Return JSON with `\\uXXXX` for every character that cannot be printed; line breaks between values stay.

    The JSON means the same: except for white space, such characters appear only within strings.
    """
    if text.isprintable():
        return text
    return "".join(letter if letter.isprintable() or letter == "\n" else _in_json(letter) for letter in text)


def counted(number: int, noun: str) -> str:
    """Return a number with its noun, such as `1 row` or `2,000 rows`."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def and_more(total: int, shown: int, hint: str = "") -> list[str]:
    """Return the line to print below the first `shown` of `total` items; an empty list if all are shown."""
    return [f"… and {total - shown:,} more{hint}"] if total > shown else []


def one_line(json: str) -> str:
    """Return JSON on one printable line; strings in JSON hold no raw line breaks, so only white space changes."""
    return printable_json(json.translate({ord(space): " " for space in "\r\n\t"}))


def command(name: str, *values: object, **options: object) -> str:
    """Return a command of ours, ready to be pasted into a shell, such as `prelabel dead retry 42 --project p`.

    Where the user called this program by a path, such as `.venv/bin/prelabel`, the command begins with that path.
    `name` is our own text. `values` and the values of `options` may be foreign, so they are quoted. An option that is
    True becomes a flag; an option that is None or False is left out.
    """
    flags = [word for key, value in options.items() for word in _option(key, value)]
    words = [quoted_word(value) for value in values]
    if any(str(value).startswith("-") for value in values):
        return " ".join([_program(), name, *flags, "--", *words])
    return " ".join([_program(), name, *words, *flags])


def quoted_word(value: object) -> str:
    """Return one word for a shell: `shlex.quote`, or bash's `$'…'` for characters that cannot be printed."""
    text = str(value)
    if text.isprintable():
        return shlex.quote(text)
    return "$'" + "".join(_in_shell(letter) for letter in text) + "'"


def _program() -> str:
    """Return `prelabel` where the shell finds the running program under that name, else the path that was typed."""
    called, found = Path(sys.argv[0]), shutil.which(_PROGRAM)
    if called.name != _PROGRAM or (found and Path(found).resolve() == called.resolve()):
        return _PROGRAM
    return quoted_word(sys.argv[0])


def _option(key: str, value: object) -> list[str]:
    if value is None or value is False:
        return []
    flag = "--" + key.replace("_", "-")
    return [flag] if value is True else [flag, quoted_word(value)]


def _in_json(letter: str) -> str:
    units = letter.encode("utf-16-be", "surrogatepass").hex()
    return "".join(f"\\u{units[at : at + 4]}" for at in range(0, len(units), 4))


def _in_shell(letter: str) -> str:
    if letter.isprintable() and not _SPECIAL.match(letter):
        return letter
    undecoded = "\udc80" <= letter <= "\udcff"  # a byte of an argument that is not UTF-8
    raw = letter.encode("utf-8", "surrogateescape" if undecoded else "surrogatepass")
    return "".join(f"\\x{byte:02x}" for byte in raw)
