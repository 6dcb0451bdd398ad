"""One word for a thing: words that were replaced appear nowhere, in no source, help text or page."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
PLACES = (
    "producers",
    "worker",
    "sandbox",
    "tests",
    "benchmarks",
    "examples",
    "deploy",
    "docs",
    "README.md",
    "CONTRIBUTING.md",
)
KINDS = {".py", ".lua", ".md", ".html", ".js", ".yaml", ".toml"}

# What stands for it now → what is looked for, in a word or in a part of a name.
RETIRED = {
    "retry, retrying": r"(?<![a-z])heal(?:s|ed|ing)?(?![a-z])",
    "edit a message, fix a cause": r"(?<![a-z])mend(?:s|ed|ing)?(?![a-z])",
    "dead letter": (
        r"(?<!dead.)(?<!/)(?<![a-z])letters?"
        r"(?=[ ,.:_](?:is|are|was|were|of|that|back|to|id|ids|with|by)(?![a-z]))"
    ),
    "superseded": r"(?<![a-z])(?:struck|strikes?|striking)(?![a-z])",
    "StageContext": r"\bTools\b(?=[\]):,]| \|)",
    "permit": r"\b(?:Own)?Pace\b|\bTurn\b(?=[(:])",
    "annotation counts": r":shapes:|shapes_(?:lib|of)\b",
    "liveness": r"(?<![a-z])pulse(?![a-z])",
    "interval": r"(?<![a-z])stretch(?:es)?(?![a-z])",
    "remote imports": r"at_labelbox\b",
    "minimum, maximum": r"\bleast confidence\b|\bmost rows\b|\bmost bytes\b",
    "resumes, continues": r"(?<![a-z])(?:go|goes|went|going)[ _]on(?![a-z])",
    "is recovered": r"\btak(?:en|es) up\b",
    "no row found": r"\bnothing is known of\b",
    "reconcile the counts": r"\brecomputes? the sum\b",
}


def places() -> Iterator[Path]:
    for name in PLACES:
        path = ROOT / name
        yield from [path] if path.is_file() else path.rglob("*")


@pytest.mark.parametrize("new", RETIRED)
def test_a_word_that_was_replaced_is_gone(new: str) -> None:
    retired = re.compile(RETIRED[new], re.IGNORECASE if RETIRED[new].islower() else 0)
    uses = [
        f"{path.relative_to(ROOT)}:{number}: {line.strip()}"
        for path in places()
        if path.suffix in KINDS and path != Path(__file__) and "_build" not in path.parts
        for number, line in enumerate(path.read_text("utf-8", errors="replace").splitlines(), 1)
        if retired.search(line)
    ]
    assert not uses, f"write '{new}' instead:\n" + "\n".join(uses)
