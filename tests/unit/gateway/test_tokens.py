"""Lists of tokens: a file is read again when it changes, and an error quotes nothing."""

import base64
from pathlib import Path

import pytest

from prelabel.access_tokens import Tokens, digest_of
from prelabel.gateway.tokens import BadTokens, TokenFile, read_tokens, token_in


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def listed(**tokens: str) -> str:
    return "\n".join(f"{name}:{digest_of(token)}" for name, token in tokens.items())


def test_entries_stand_on_lines_or_between_commas() -> None:
    text = f"# the fleet\n a:{digest_of('x')} , b:{digest_of('y').upper()}\n\nc:{digest_of('z')} # new\n"

    assert read_tokens(text, "t") == {digest_of("x"): "a", digest_of("y"): "b", digest_of("z"): "c"}


@pytest.mark.parametrize("entry", ["a", "a:1234", f":{'0' * 64}", f"a{{}}:{'0' * 64}", "a:a-token-in-clear"])
def test_an_entry_that_is_none_is_named_by_its_number_and_not_quoted(entry: str) -> None:
    with pytest.raises(BadTokens, match="entry 2: expected ") as caught:
        read_tokens(f"{listed(a='x')}\n{entry}", "tokens")

    assert entry == "a" or entry not in str(caught.value)


def test_a_file_is_read_again_when_it_changes_and_a_broken_one_changes_nothing(tmp_path: Path) -> None:
    path, clock = tmp_path / "tokens", Clock()
    path.write_text(listed(old="first"), "utf-8")
    tokens = Tokens(TokenFile(path, clock).names, clock)
    assert tokens.holder("first", "a") == "old"

    path.write_text(listed(new="second!"), "utf-8")
    clock.now += 2
    assert tokens.holder("second!", "a") == "new"
    assert tokens.holder("first", "a") is None

    path.write_text("broken", "utf-8")
    clock.now += 2
    assert tokens.holder("second!", "a") == "new"
    path.unlink()
    clock.now += 2
    assert tokens.holder("second!", "a") == "new"


@pytest.mark.parametrize(
    ("header", "token"),
    [
        ("Bearer abc", "abc"),
        ("bearer  abc ", "abc"),
        (f"Basic {base64.b64encode(b'any:a:b').decode()}", "a:b"),
        ("Basic !!", None),
        (f"Basic {base64.b64encode(bytes([255])).decode()}", None),
        ("Digest x", None),
        ("", None),
        ("Bearer ", None),
    ],
)
def test_a_token_is_a_bearer_token_or_the_password_of_basic(header: str, token: str | None) -> None:
    assert token_in(header) == token
