"""How the kinds of annotations are described; `tables` lists the kinds that each media type accepts."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Literal

from prelabel_sandbox.checks.classifications import check_nested
from prelabel_sandbox.checks.ontology import Feature
from prelabel_sandbox.checks.scene import Scene

Check = Callable[[dict[str, Any], Feature, Scene], None]

# Exactly one of these keys is in a line and determines its kind.
KEYS = frozenset(
    {
        "answer",
        "answers",
        "bbox",
        "polygon",
        "point",
        "line",
        "mask",
        "location",
        "textSelections",
        "segments",
        "masks",
        "relationship",
        "messageEvaluationTask",
    }
)
# The keys that every line may carry beside the key of its kind.
BARE = frozenset({"uuid", "dataRow", "isBenchmarkReferenceLabel"})
NAMED = BARE | {"name", "schemaId"}
ENVELOPE = NAMED | {"confidence", "customMetrics"}


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of annotation: the level of its feature, the types that the feature may have, its keys, its check."""

    level: Literal["tools", "classifications", "none"]
    types: frozenset[str]
    keys: frozenset[str]
    check: Check


def object_kind(key: str, types: Iterable[str], check: Callable[[Any], None]) -> Kind:
    """Return a kind whose geometry `check` can judge alone, with optional classifications beside it."""

    def check_object(line: dict[str, Any], feature: Feature, scene: Scene) -> None:
        check(line[key])
        if "classifications" in line:
            check_nested(line["classifications"], feature.below, scene)

    return Kind("tools", frozenset(types), ENVELOPE | {key, "classifications"}, check_object)


PLAIN = frozenset({"radio", "checklist", "text"})
RESPONSES = frozenset({"response-radio", "response-checklist", "response-text"})


def answer_kinds(check: Check, extra: Iterable[str] = (), types: frozenset[str] = PLAIN) -> dict[str, Kind]:
    """Return the kinds of `answer` and of its old spelling, for classifications of these types."""
    keys = ENVELOPE | {"answer", "answers", "classifications", *extra}
    kind = Kind("classifications", types, keys, check)
    return {"answer": kind, "answers": kind}
