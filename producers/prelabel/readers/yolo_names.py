"""The names of YOLO's classes and keypoints: `data.yaml`, a text file of names on lines, or COCO's categories."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from prelabel.errors import found_value
from prelabel.readers.base import UnreadableSource, lines_of, text_of
from prelabel.readers.coco import read_categories
from prelabel.text_input import read_text

NAMES_FILES = ("data.yaml", "classes.txt")
"""Names of files that are looked for beside the labels."""
_FOLDERS_UP = 3
_MAX_BYTES = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Names:
    """The names of classes by number; number and columns of keypoints, and their names by class, if there are any."""

    classes: Mapping[int, str]
    keypoints: tuple[int, int] | None = None
    keypoint_names: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def name(self, index: int) -> str:
        """Return the name of a class. Raises ValueError."""
        if index not in self.classes:
            known = f"0 to {max(self.classes)}" if self.classes else "none"
            raise ValueError(f"class {index} has no name: the names are of {known}")
        return self.classes[index]


def find_names(labels: Path) -> Path | None:
    """Return the first file of names in the folder of the labels or one of the folders above it."""
    folder = labels if labels.is_dir() else labels.parent
    for above in (folder, *folder.absolute().parents[:_FOLDERS_UP]):
        for name in NAMES_FILES:
            if (above / name).is_file():
                return above / name
    return None


def read_names(path: Path) -> Names:
    """Return the names in a file. Raises UnreadableInput."""
    suffix = path.suffix.lower()
    if suffix in (".yaml", ".yml"):
        return _from_yaml(path)
    if suffix == ".json":
        return Names({index: category.name for index, category in read_categories(path).items()})
    return Names(dict(enumerate(line for _, line in lines_of(path))))


def _from_yaml(path: Path) -> Names:
    try:
        import yaml
    except ImportError:
        raise UnreadableSource(
            f"{path}: reading it needs PyYAML: pip install 'prelabel[yolo]', or give --categories a text file with a "
            "name on each line"
        ) from None
    try:
        content = yaml.safe_load(read_text(path, _MAX_BYTES))
    except (yaml.YAMLError, RecursionError) as error:
        raise UnreadableSource(f"{path}: not YAML: {str(error)[:200]}") from None
    try:
        return _names(content)
    except ValueError as error:
        raise UnreadableSource(f"{path}: {error}") from None


def _names(content: Any) -> Names:
    if not isinstance(content, dict) or not isinstance(content.get("names"), list | dict):
        raise ValueError("expected names: a list of the classes, or a number and a name for each")
    classes = {index: text_of(name, f"names.{index}") for index, name in _numbered(content["names"], "names")}
    shape = content.get("kpt_shape")
    if shape is None:
        return Names(classes)
    whole = isinstance(shape, list) and len(shape) == 2 and all(type(value) is int for value in shape)
    if not whole or not 0 < shape[0] <= 1000 or shape[1] not in (2, 3):
        raise ValueError(f"kpt_shape: expected the number of keypoints, and 2 or 3, found {found_value(shape)}")
    parts = {
        classes[index]: tuple(text_of(part, f"kpt_names.{index}") for part in names)
        for index, names in _numbered(content.get("kpt_names") or {}, "kpt_names")
        if index in classes and isinstance(names, list)
    }
    return Names(classes, (shape[0], shape[1]), parts)


def _numbered(value: Any, path: str) -> list[tuple[int, Any]]:
    items = list(enumerate(value) if isinstance(value, list) else value.items() if isinstance(value, dict) else ())
    for index, _ in items:
        if type(index) is not int or index < 0:
            raise ValueError(f"{path}: expected numbers from 0, found {found_value(index)}")
    return items
