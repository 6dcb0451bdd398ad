"""Entities: characters of a text or of a message, tokens of a document.

Source: docs/reference/labelbox-format.md#2-12 to #2-14.
"""

from typing import Any

from prelabel_sandbox.checks.classifications import check_below
from prelabel_sandbox.checks.messages import characters_of, message_of
from prelabel_sandbox.checks.ontology import Feature
from prelabel_sandbox.checks.refusal import MISSING, Refused, invalid
from prelabel_sandbox.checks.scene import Scene
from prelabel_sandbox.checks.values import exact_keys, filled, integer, text

_SPAN = frozenset({"start", "end"})
_SELECTION = frozenset({"groupId", "tokenIds", "page"})


def check_text_entity(line: dict[str, Any], feature: Feature, scene: Scene) -> None:
    """Check a span of the data row's text."""
    _check_span(line["location"], scene.asset.characters)
    check_below(line, feature.below, scene)


def check_message_entity(line: dict[str, Any], feature: Feature, scene: Scene) -> None:
    """Check a span of one message."""
    message = message_of(line, scene)
    if message is None:
        raise invalid("messageId", MISSING)
    _check_span(line["location"], characters_of(message, scene))
    check_below(line, feature.below, scene)


def check_document_entity(line: dict[str, Any], feature: Feature, scene: Scene) -> None:
    """Check tokens of the text layer, group by group. The official client requires a name here."""
    if scene.strict and "name" not in line:
        raise invalid("name", MISSING)
    for selection in filled(line["textSelections"], "textSelections"):
        _check_selection(exact_keys(selection, _SELECTION, "textSelections"), scene)
    check_below(line, feature.below, scene)


def _check_span(value: Any, characters: int | None) -> None:
    """Check that a span lies within the text. Both ends are inclusive."""
    span = exact_keys(value, _SPAN, "location")
    start = integer(span["start"], "location.start")
    end = integer(span["end"], "location.end", start)
    if characters is not None and end >= characters:
        raise Refused("InvalidAnnotation", f"location.end {end} is after the last character ({characters - 1})")


def _check_selection(selection: dict[str, Any], scene: Scene) -> None:
    group = text(selection["groupId"], "textSelections.groupId")
    path = "textSelections.tokenIds"
    tokens = [text(token, path) for token in filled(selection["tokenIds"], path)]
    page = integer(selection["page"], "textSelections.page", 1)
    if scene.asset.pages is not None and page > scene.asset.pages:
        raise Refused("InvalidAnnotation", f"page {page} is after the last page ({scene.asset.pages})")
    if scene.asset.tokens is not None:
        known = scene.asset.tokens.get(str(page), {}).get(group, [])
        for token in tokens:
            if token not in known:
                raise Refused("InvalidAnnotation", f"{token} is not a token of group {group} on page {page}")
