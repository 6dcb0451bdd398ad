"""Text with control characters that a terminal would obey, and a search for such characters."""

import unicodedata

EVIL = "\x1b[31mred\x1b]52;c;cm0gLXJm\x07 a\rb\nc\u202e\x9b2J\x7f\u2028$(touch y)'[/red]"


def raw_controls(text: str) -> set[str]:
    """Return the characters, except line feeds, that a terminal obeys or that change the text that a person reads."""
    return {character for character in text if unicodedata.category(character) in ("Cc", "Cf", "Cs", "Zl", "Zp")} - {
        "\n"
    }
