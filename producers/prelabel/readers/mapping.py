"""Read `mapping.toml`: the features of classes, the minimum confidence of predictions, the sample of data rows."""

import hashlib
import tomllib
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

from prelabel.annotations.confidence import rounded
from prelabel.errors import PrelabelError, found_value
from prelabel.text_input import UnreadableInput, read_text


class BadMapping(PrelabelError):
    """The mapping file has an unknown key or a wrong value."""


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


@dataclass(slots=True)
class ClassMapping:
    """A mapping, with the counts of what it left out in one run."""

    #: Targets by class name.
    classes: Mapping[str, Target] = field(default_factory=dict)
    #: Minimum confidence, for classes whose entry does not set one.
    confidence: float = 0.0
    #: What to do with classes that have no entry.
    unmapped: Literal["keep", "drop", "refuse"] = "keep"
    #: Template of global keys.
    global_key: str | None = None
    #: Take every n-th data row.
    every: int = 1
    #: Share of the data rows to take, from 0 to 1.
    share: float = 1.0
    #: Seed of the sample.
    seed: int = 0
    #: How many predictions or data rows were left out, by reason.
    left_out: Counter[str] = field(default_factory=Counter)
    _rows: int = 0

    def choose(self, name: str, score: float | None, feature: str | None = None) -> Target | None:
        """Return the class's target, or None if it is left out. A prediction without a score passes every threshold.

        `feature` is for classes whose entry names no feature; by default, the class's own name is used. Raises
        ValueError for a class without an entry if `unmapped` is "refuse".
        """
        target = self.classes.get(name)
        if target is None:
            if self.unmapped == "refuse":
                raise ValueError(f"class {name!r} is not in the mapping")
            target = Target(drop=self.unmapped == "drop")
        minimum = self.confidence if target.confidence is None else target.confidence
        if target.drop:
            self.left_out["of classes that are dropped"] += 1
        elif score is not None and score < minimum:
            self.left_out["below the minimum confidence"] += 1
        else:
            return replace(target, feature=target.feature or feature or name)
        return None

    def takes(self, key: str) -> bool:
        """Return whether a data row is in the sample; call it once per data row, in the file's order."""
        self._rows += 1
        taken = (self._rows - 1) % self.every == 0 and _lot(self.seed, key) < self.share
        if not taken:
            self.left_out["data rows outside the sample"] += 1
        return taken


def _lot(seed: int, key: str) -> float:
    """Return a number from 0 to 1 that looks random, but depends only on the seed and the data row's key."""
    digest = hashlib.blake2b(key.encode(), digest_size=8, salt=seed.to_bytes(16, "big")).digest()
    return int.from_bytes(digest, "big") / 2**64


def read_mapping(path: Path) -> ClassMapping:
    """Return the mapping in a file. Raises BadMapping with the file, the key and what was expected."""
    try:
        table = tomllib.loads(read_text(path).decode())
        return _mapping(table)
    except UnreadableInput as error:
        raise BadMapping(str(error)) from None
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise BadMapping(f"{path}: not TOML: {error}") from None
    except BadMapping as error:
        raise BadMapping(f"{path}: {error}") from None


def _mapping(table: dict[str, Any]) -> ClassMapping:
    known = {"classes": dict, "sample": dict, "confidence": float, "unmapped": str, "global_key": str}
    _check_keys(table, known, "")
    unmapped = table.get("unmapped", "keep")
    if unmapped not in ("keep", "drop", "refuse"):
        raise BadMapping(f"unmapped: expected keep, drop or refuse, found {found_value(unmapped)}")
    sample = table.get("sample", {})
    _check_keys(sample, {"every": int, "share": float, "seed": int}, "sample.")
    return ClassMapping(
        {name: _target(name, value) for name, value in table.get("classes", {}).items()},
        _between(table.get("confidence", 0.0), "confidence"),
        unmapped,
        table.get("global_key"),
        _at_least(sample.get("every", 1), 1, "sample.every"),
        _between(sample.get("share", 1.0), "sample.share"),
        _at_least(sample.get("seed", 0), 0, "sample.seed"),
    )


def _target(name: str, value: Any) -> Target:
    where = f"classes.{name}"
    if isinstance(value, str):
        value = {"feature": value}
    if not isinstance(value, dict):
        raise BadMapping(f"{where}: expected a feature's name or a table, found {found_value(value)}")
    known = {"feature": str, "classification": str, "option": str, "confidence": float, "drop": bool}
    _check_keys(value, known, f"{where}.")
    if "classification" in value and "option" not in value:
        raise BadMapping(f"{where}.option: missing: which option of {value['classification']!r} is it?")
    if "confidence" in value:
        value = value | {"confidence": _between(value["confidence"], f"{where}.confidence")}
    return Target(**value)


def _check_keys(table: Mapping[str, Any], known: Mapping[str, type], where: str) -> None:
    """Check that keys are known and values have their types; where a fraction is expected, a whole number is right."""
    for key, value in table.items():
        if key not in known:
            raise BadMapping(f"{where}{key}: unknown; expected one of {', '.join(known)}")
        kinds = (int, float) if known[key] is float else (known[key],)
        if not isinstance(value, kinds) or (isinstance(value, bool) and known[key] is not bool) or value == "":
            words = {
                dict: "a table",
                float: "a number",
                int: "a whole number",
                str: "a text that is not empty",
                bool: "true or false",
            }
            raise BadMapping(f"{where}{key}: expected {words[known[key]]}, found {found_value(value)}")


def _between(value: float, where: str) -> float:
    number = rounded(value)
    if not 0 <= number <= 1:
        raise BadMapping(f"{where}: expected 0 to 1, found {found_value(value)}")
    return float(number)


def _at_least(value: int, minimum: int, where: str) -> int:
    if not minimum <= value < 2**63:
        expected = f"at least {minimum}" if value < minimum else f"less than {2**63}"
        raise BadMapping(f"{where}: expected {expected}, found {found_value(value)}")
    return value
