"""The output of a model → predictions, as `[output]` of the mapping says.

The predictions are a list of objects or arrays (`items`), or several arrays side by side, of labels, scores and boxes.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from typing import Any, NamedTuple

from prelabel.builders.keypoints import found_keypoints, own_confidence
from prelabel.errors import found_value
from prelabel.mapping import geometry
from prelabel.mapping.path import MISSING, ValuePath
from prelabel.mapping.tensors import by_name
from prelabel.mapping.values import array, number, plain, positive, unreadable

Size = ValuePath | int | None
MAX_ROWS = 10_000
"""Maximum rows of a batch."""


class Prediction(NamedTuple):
    """A prediction of an output."""

    #: Its place in the output, for errors.
    where: str
    #: The name of its class.
    label: str
    #: Its confidence.
    score: float | None
    #: The keys of an annotation that say where it is: `bbox` or `polygon`, or none.
    shape: Mapping[str, Any]
    #: The keypoints that were found, each with its own name, confidence and `point`.
    keypoints: tuple["Prediction", ...] = ()


@dataclass(frozen=True, slots=True)
class Output:
    """How the output of a model is written. The paths are those of `[output]`."""

    #: Where the named tensors are; the other paths then begin with a tensor's name.
    tensors: ValuePath | None = None
    #: Where the list of predictions is; None for arrays side by side, or for one answer.
    items: ValuePath | None = None
    #: How many of the predictions count; None for all.
    count: ValuePath | None = None
    #: The class: its name or index.
    label: ValuePath | None = None
    #: The class of all predictions, if the output has no labels.
    class_name: str | None = None
    #: The confidence; an array of them has one for each class.
    score: ValuePath | None = None
    #: Index → class name.
    labels: Mapping[str, str] = field(default_factory=dict)
    #: The box: one path of four numbers, or four paths.
    box: tuple[ValuePath, ...] = ()
    box_format: str = ""
    polygon: ValuePath | None = None
    #: The keypoints of a pose.
    keypoints: ValuePath | None = None
    keypoint_names: Sequence[str] = ()
    #: The classification that the predictions answer for the whole data row.
    classification: str | None = None
    #: Whether that classification may have several answers.
    several: bool = False
    normalised: bool = False
    width: Size = None
    height: Size = None
    #: The size of the model's input, if coordinates are in its pixels.
    model_size: tuple[int, int] | None = None
    letterbox: bool = False

    #: The paths with `*`, which stands for the number of a row in a batch.
    batch: tuple[ValuePath, ...] = field(init=False, compare=False, repr=False)

    def __post_init__(self) -> None:
        values = (getattr(self, option.name) for option in fields(self) if option.init)
        paths = (path for value in values for path in (value if isinstance(value, tuple) else (value,)))
        batch = tuple(path for path in paths if isinstance(path, ValuePath) and path.row_step is not None)
        object.__setattr__(self, "batch", batch)

    @property
    def own_features(self) -> Iterable[str]:
        """Return the classes that become annotations themselves: not those of which only keypoints are published."""
        return self.labels.values() if self.box or self.polygon or self.classification else ()

    def opened(self, body: Any) -> Any:
        """Return what the paths lead through: the output, or the tensors in it by their names. Raises MessageError."""
        root = plain(body)
        if self.tensors is not None:
            root = by_name(_find(root, self.tensors, "tensors"), self.tensors.text)
        return root

    def count_rows(self, root: Any) -> tuple[int, str]:
        """Return the number of rows of a batch that was opened, and where it has that many. Raises MessageError."""
        counts = {path.rows.text: len(_rows(root, path)) for path in self.batch}
        place, count = next(iter(counts.items()))
        if len(set(counts.values())) > 1:
            found = ", ".join(f"{path}: {number}" for path, number in counts.items())
            raise unreadable("", found, "arrays of one length, with an element for each row of the batch")
        if count > MAX_ROWS:
            raise unreadable(place, f"{count} rows", f"at most {MAX_ROWS} rows in a batch")
        return count, place

    def of_row(self, row: int) -> "Output":
        """Return how one row of a batch is written."""

        def at_row(value: Any) -> Any:
            if isinstance(value, tuple):
                return tuple(map(at_row, value))
            return value.at_row(row) if isinstance(value, ValuePath) else value

        return replace(
            self, **{option.name: at_row(getattr(self, option.name)) for option in fields(self) if option.init}
        )

    def predictions(self, root: Any) -> list[Prediction]:
        """Return the predictions of an output that was opened, in their order. Raises MessageError."""
        if self.items is not None:
            rows = self._counted(array(_find(root, self.items, "items"), self.items.text), root)
            return self._of_rows(root, rows, f"{self.items.text}[{{}}]" if self.items.steps else "[{}]")
        if self.classification is not None:
            return self._of_rows(root, [root], "")
        return self._side_by_side(root)

    def _of_rows(self, root: Any, rows: list[Any], place: str) -> list[Prediction]:
        scale = self._scale(root)
        predictions: list[Prediction] = []
        for at, row in enumerate(rows):
            row = plain(row)
            where = place.format(at)
            label = None if self.label is None else _find(row, self.label, "label", where)
            score = None if self.score is None else _find(row, self.score, "score", where)
            shape = self._shape(row, scale, where) if self.box or self.polygon else {}
            pose = None if self.keypoints is None else _find(row, self.keypoints, "keypoints", where)
            for name, confidence in self._named(label, score, where):
                below = _below(where, self.keypoints) if self.keypoints else where
                points = self._points(name, confidence, pose, scale, below)
                predictions.append(Prediction(where, name, confidence, shape, points))
        return predictions

    def _side_by_side(self, root: Any) -> list[Prediction]:
        """Return the predictions of arrays that have one element for each."""
        columns: list[tuple[ValuePath, list[Any]]] = []

        def column(path: ValuePath, key: str) -> list[Any]:
            columns.append((path, self._counted(array(_find(root, path, key), path.text), root)))
            return columns[-1][1]

        paths = self.box or tuple(path for path in (self.polygon,) if path)
        labels = column(self.label, "label") if self.label else None
        scores = column(self.score, "score") if self.score else None
        shapes = [column(path, "box" if self.box else "polygon") for path in paths]
        poses = column(self.keypoints, "keypoints") if self.keypoints else None
        place, count = (*paths, self.keypoints)[0], len(columns[-1][1])
        if any(len(values) != count for _, values in columns):
            found = ", ".join(f"{path}: {len(values)}" for path, values in columns)
            raise unreadable("", found, "arrays of one length")
        scale = self._scale(root)
        predictions = []
        for at in range(count):
            where = f"{place}[{at}]"
            drawn: dict[str, Any] = {}
            if self.box:
                value = [values[at] for values in shapes] if len(shapes) > 1 else shapes[0][at]
                drawn = geometry.box(value, self.box_format, scale, where)
            elif self.polygon is not None:
                drawn = geometry.polygon(shapes[0][at], scale, where)
            label, score = labels[at] if labels else None, scores[at] if scores else None
            pose = poses[at] if poses else None
            for name, confidence in self._named(label, score, where):
                points = self._points(name, confidence, pose, scale, f"{self.keypoints}[{at}]")
                predictions.append(Prediction(where, name, confidence, drawn, points))
        return predictions

    def _points(
        self, name: str, score: float | None, pose: Any, scale: geometry.Scale, where: str
    ) -> tuple[Prediction, ...]:
        """Return the keypoints of a detection that were found."""
        if pose is None:
            return ()
        places = geometry.keypoints(pose, len(self.keypoint_names), where)
        return tuple(
            Prediction(where, part, own_confidence(place[2], score), geometry.point(place, scale))
            for part, place in found_keypoints(name, places, self.keypoint_names)
        )

    def _shape(self, row: Any, scale: geometry.Scale, where: str) -> dict[str, Any]:
        if self.polygon is not None:
            return geometry.polygon(_find(row, self.polygon, "polygon", where), scale, _below(where, self.polygon))
        if len(self.box) == 1:
            value = _find(row, self.box[0], "box", where)
            return geometry.box(value, self.box_format, scale, _below(where, self.box[0]))
        return geometry.box([_find(row, path, "box", where) for path in self.box], self.box_format, scale, where)

    def _named(self, label: Any, score: Any, where: str) -> Sequence[tuple[str, float | None]]:
        """Return the classes of a prediction and their scores: the best one, or all if they are several answers."""
        label, score = plain(label), plain(score)
        if not isinstance(score, list):
            return ((self._name(label, where), None if score is None else number(score, f"{where} score".strip())),)
        if self.label is not None and (not isinstance(label, list) or len(label) != len(score)):
            raise unreadable(f"{where} label".strip(), found_value(label), f"{len(score)} labels, one for each score")
        scores = [number(value, f"{where} score".strip()) for value in score]
        best = max(range(len(scores)), key=scores.__getitem__, default=None)
        places = range(len(scores)) if self.several else () if best is None else (best,)
        return [(self._name(label[at] if isinstance(label, list) else at, where), scores[at]) for at in places]

    def _name(self, label: Any, where: str) -> str:
        """Return the name of a class that is given by its index or its name. Raises MessageError."""
        if self.class_name is not None:
            return self.class_name
        if isinstance(label, float) and label.is_integer():
            label = int(label)  # tensors of floats have indexes too
        if isinstance(label, int) and not isinstance(label, bool):
            name = self.labels.get(str(label)) if self.labels else str(label)
            if name is not None:
                return name
            raise unreadable(f"{where} label".strip(), str(label), "an index that [output] labels of the mapping has")
        if isinstance(label, str) and label:
            return self.labels.get(label, label)
        raise unreadable(f"{where} label".strip(), found_value(label), "the name or the index of a class")

    def _counted(self, rows: list[Any], root: Any) -> list[Any]:
        """Return the rows that count: servers fill fixed arrays up with rows that mean nothing."""
        if self.count is None:
            return rows
        value = plain(_find(root, self.count, "count"))
        while isinstance(value, list) and len(value) == 1:
            value = value[0]
        count = number(value, self.count.text)
        if not 0 <= count <= len(rows) or count != int(count):
            raise unreadable(self.count.text, found_value(count), f"a whole number from 0 to {len(rows)}")
        return rows[: int(count)]

    def _scale(self, root: Any) -> geometry.Scale:
        if self.width is None or self.height is None:
            return geometry.PIXELS
        size = _length(root, self.width, "width"), _length(root, self.height, "height")
        return geometry.scale_to(size, self.model_size, normalised=self.normalised, letterbox=self.letterbox)


def _length(root: Any, size: ValuePath | int, key: str) -> float:
    return size if isinstance(size, int) else positive(_find(root, size, key), size.text)


def _below(where: str, path: ValuePath) -> str:
    return f"{where}.{path.text}" if path.steps else where


def _rows(root: Any, path: ValuePath) -> list[Any]:
    value = path.rows.find(root)
    if value is MISSING:
        expected = "an array with an element for each row of the batch"
        raise unreadable(path.rows.text, "nothing", expected, f"[output] of the mapping has {path.text}")
    return array(value, path.rows.text)


def _find(root: Any, path: ValuePath, key: str, where: str = "") -> Any:
    """Return what stands at a path. Raises MessageError if nothing does."""
    value = path.find(root)
    if value is MISSING:
        place = path.text if not where else _below(where, path)
        raise unreadable(place, "nothing", "a value", f"`{key}` in [output] of the mapping is {path.text}")
    return value
