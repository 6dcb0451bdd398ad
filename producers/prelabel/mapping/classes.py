"""What becomes of the classes of a model: features, answers, minimum confidence."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from prelabel.errors import found_value
from prelabel.mapping.checks import BadMapping, between, check_keys, nearest

Unmapped = Literal["keep", "drop", "refuse"]
KNOWN: dict[str, type] = {
    "feature": str, "classification": str, "option": str, "confidence": float, "drop": bool
}  # fmt: skip
DROPPED = "of classes that are dropped"
BELOW = "below the minimum confidence"


@dataclass(frozen=True, slots=True)
class Target:
    """The target of a class: a feature, perhaps with an answer to one of its classifications; with `drop`, nothing."""

    feature: str = ""
    classification: str | None = None
    option: str | None = None
    confidence: float | None = None
    drop: bool = False

    def answers(self) -> list[dict[str, Any]]:
        """Return the `classifications` of an object: one if the target names it, else none. Raises ValueError."""
        if self.classification is None:
            if self.option is not None:
                raise ValueError(f"the mapping has option {self.option!r} without its classification")
            return []
        return [{"name": self.classification, "answer": {"name": self.option}}]


_KEPT, _DROPPED = Target(), Target(drop=True)


def target_of(classes: Mapping[str, Target], unmapped: Unmapped, name: str) -> Target:
    """Return the target of a class. Raises ValueError for one without an entry if `unmapped` is "refuse"."""
    target = classes.get(name)
    if target is not None:
        return target
    if unmapped == "refuse":
        raise ValueError(f"class {name!r} is not in the mapping{nearest(name, classes)}")
    return _DROPPED if unmapped == "drop" else _KEPT


def read_target(name: str, value: Any) -> Target:
    """Return the target that a class has in the file. Raises BadMapping."""
    where = f"classes.{name}"
    if isinstance(value, str):
        value = {"feature": value}
    if not isinstance(value, dict):
        raise BadMapping(f"{where}: expected a feature's name or a table, found {found_value(value)}")
    check_keys(value, KNOWN, f"{where}.")
    if "classification" in value and "option" not in value:
        raise BadMapping(f"{where}.option: missing: which option of {value['classification']!r} is it?")
    if "confidence" in value:
        value = value | {"confidence": between(value["confidence"], f"{where}.confidence")}
    return Target(**value)
