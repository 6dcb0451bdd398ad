"""Read tables: CSV, TSV, Parquet and Arrow IPC. A row is one prediction, or all of a data row in a column of JSON.

`columns` says which column has which role. A column whose name is that of a role, or one of its other names, has it
anyway. CSV is read without pyarrow, the other forms need it.
"""

import csv
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import orjson

from prelabel.annotations.explain import not_finite
from prelabel.errors import found_value
from prelabel.readers.arrow_files import arrow_rows, is_arrow
from prelabel.readers.base import (
    MAX_LINE,
    BadRecord,
    BadValue,
    KeyedAnnotation,
    ReaderOptions,
    Scores,
    Source,
    UnreadableSource,
    bad_record,
    fields_of,
    filled,
    messages_of,
    number,
    text_of,
)
from prelabel.readers.groups import Origin
from prelabel.readers.labels import span
from prelabel.readers.table_columns import Columns
from prelabel.readers.times import answers, check_media, interval
from prelabel.text_input import TextInput, open_text, stem_of

_MAX_ROW = 16 * 1024 * 1024
_UNITS = ("INCHES", "PIXELS", "POINTS", "PERCENT")


def read(path: Path, options: ReaderOptions) -> Source:
    """Return one message per data row. Raises UnreadableSource."""
    template = options.key_template("{key}")
    check_media(path, options)
    names, rows = _rows(path)
    columns = Columns(path.name, names, options.columns)
    if missing := set(fields_of(template)) - {*names, "file", "key"}:
        raise UnreadableSource(f"global key {template!r}: the table has no column {min(missing)!r}")
    if "key" in fields_of(template):
        columns.need("key")
    scores = Scores(path.name)

    def items() -> Iterator[KeyedAnnotation | BadRecord]:
        for index, row in enumerate(rows):
            where, key = f"{path.name}, row {index + 1}", None
            try:
                key, origin = _key(template, row, columns, path, where)
                annotations = list(_annotations(columns.of(row), options, scores))
            except ValueError as error:
                yield bad_record(where, error, key)
                continue
            yield KeyedAnnotation(key, None, origin)
            yield from (KeyedAnnotation(key, annotation, origin) for annotation in annotations)
        scores.check()

    return messages_of(items(), options, path.name, _merged, apart="{key}")


def _rows(path: Path) -> tuple[list[str], Iterable[Mapping[str, Any]]]:
    """Return the names of columns, and the rows. Raises UnreadableInput."""
    if is_arrow(path):
        return arrow_rows(path)
    return _csv_rows(path)


def _csv_rows(path: Path) -> tuple[list[str], Iterable[Mapping[str, Any]]]:
    csv.field_size_limit(max(csv.field_size_limit(), _MAX_ROW))
    with open_text(path) as stream:
        head = stream.readline(MAX_LINE).decode("utf-8", "replace")
    separator = max(",;\t", key=head.count)
    names = next(csv.reader([head], delimiter=separator), [])
    if len(names) < 2 or len(set(names)) < len(names):
        found = found_value([name[:40] for name in names[:20]])
        raise UnreadableSource(f"{path}: expected the names of columns in the first line, each once, found {found}")

    def rows() -> Iterator[Mapping[str, Any]]:
        with open_text(path) as stream:
            lines = _Lines(stream, path)
            reader = csv.reader(lines, delimiter=separator)
            next(reader)
            try:
                for cells in reader:
                    lines.taken = 0
                    if cells:
                        yield _cells(names, cells)
            except csv.Error as error:
                raise UnreadableSource(f"{path}, line {reader.line_num}: {error}") from None

    return names, rows()


def _cells(names: list[str], cells: list[str]) -> Mapping[str, Any]:
    """Return a row; one with another number of cells is bad, which its key says."""
    if len(cells) != len(names):
        return {"": f"expected {len(names)} cells as in the first line, found {len(cells)}"}
    return {name: cell if cell.strip() else None for name, cell in zip(names, cells, strict=True)}


class _Lines:
    """The lines of a CSV file. Raises UnreadableSource if one row has too much, since its cells may have line ends."""

    def __init__(self, stream: TextInput, path: Path) -> None:
        self._stream = stream
        self._path = path
        self._number = 0
        #: How many bytes were read since the last row.
        self.taken = 0

    def __iter__(self) -> Iterator[str]:
        while line := self._stream.readline(_MAX_ROW):
            self._number += 1
            self.taken += len(line)
            where = f"{self._path}, line {self._number}"
            if self.taken >= _MAX_ROW:
                raise UnreadableSource(f"{where}: a row of more than {_MAX_ROW} bytes: is a quotation mark missing?")
            try:
                yield line.decode()
            except UnicodeDecodeError:
                raise UnreadableSource(f"{where}: not UTF-8: convert the file with iconv") from None


def _key(template: str, row: Mapping[str, Any], columns: Columns, path: Path, where: str) -> tuple[str, Origin]:
    """Return the data row's global key, and what it is made for. Raises ValueError."""
    if "" in row and len(row) == 1:
        raise ValueError(str(row[""]))
    fields: dict[str, Any] = {"file": stem_of(path)}
    for name in set(fields_of(template)) - fields.keys():
        value = row.get(columns.column("key") or name if name == "key" else name)
        if isinstance(value, bool) or not isinstance(value, int | str) or value == "":
            raise BadValue(name, "a text or a whole number for the global key", found_value(value))
        fields[name] = value
    key = text_of(filled(template, fields), "global key")
    return key, Origin("data row", "\0".join(str(fields[name]) for name in sorted(fields)), where)


def _annotations(row: Mapping[str, Any], options: ReaderOptions, scores: Scores) -> Iterator[dict[str, Any]]:
    """Yield what a row predicts: nothing if it has neither a class nor annotations. Raises ValueError."""
    if row.get("annotations") is not None:
        for item in _listed(row["annotations"]):
            name = text_of(item.get("name"), "annotations.name")
            score = scores.read(item.get("confidence"))
            if target := options.mapping.choose(name, score):
                answers_below = [*(item.get("classifications") or []), *target.answers()]
                below = {"classifications": answers_below} if answers_below else {}
                yield item | {"name": target.feature} | below
        return
    if row.get("class") is None:
        return
    name, score = text_of(row["class"], "class"), scores.read(_number(row, "score", None))
    feature = text_of(row["feature"], "feature") if row.get("feature") is not None else None
    target = options.mapping.choose(name, score, feature)
    if target is None:
        return
    rate = options.frame_rate
    if row.get("start_seconds") is not None or row.get("end_seconds") is not None:
        frames = interval(_number(row, "start_seconds"), _number(row, "end_seconds"), rate)
        timed: dict[str, Any] = {"feature": target.feature, "frames": frames}
        yield timed | ({"value": _text(row)} if row.get("text") is not None else {"option": target.option or name})
        return
    annotation: dict[str, Any] = {"name": target.feature}
    if score is not None:
        annotation["confidence"] = score
    geometry = _geometry(row)
    if geometry is None:
        answer: Any = _text(row) if row.get("text") is not None else {"name": target.option or name}
        yield annotation | {"answer": answer}
        return
    if classifications := target.answers():
        annotation["classifications"] = classifications
    yield annotation | geometry


def _geometry(row: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return the box, point or characters of a row, or None if it has none. Raises ValueError."""
    if row.get("start") is not None or row.get("end") is not None:
        return {"location": span(_whole(row, "start"), _whole(row, "end"))}
    if row.get("x") is not None or row.get("y") is not None:
        return {"point": {"x": _number(row, "x"), "y": _number(row, "y")}}
    if row.get("left") is None and row.get("top") is None:
        return None
    left, top = _number(row, "left"), _number(row, "top")
    width = _number(row, "right") - left if row.get("width") is None else _number(row, "width")
    height = _number(row, "bottom") - top if row.get("height") is None else _number(row, "height")
    if width <= 0 or height <= 0:
        raise BadValue("box", "a width and height above 0", f"{found_value(width)} and {found_value(height)}")
    box: dict[str, Any] = {"bbox": {"top": top, "left": left, "height": height, "width": width}}
    if row.get("page") is None and row.get("unit") is None:
        return box
    if row.get("unit") not in _UNITS:
        raise BadValue("unit", ", ".join(_UNITS), found_value(row.get("unit")))
    return box | {"page": _whole(row, "page"), "unit": row["unit"]}


def _listed(value: Any) -> list[dict[str, Any]]:
    """Return the annotations in a cell: JSON, or a list of Arrow. Raises ValueError."""
    if isinstance(value, str):
        try:
            value = orjson.loads(value)
        except orjson.JSONDecodeError as error:
            raise BadValue("annotations", f"JSON ({error})", found_value(value)) from None
    value = _without_none(value)
    if not isinstance(value, list) or not all(isinstance(item, dict) for item in value):
        raise BadValue("annotations", "an array of annotations with class names", found_value(value))
    if place := not_finite(value):
        raise BadValue(f"annotations{place[0]}", "a finite number", place[1])
    return value


def _without_none(value: Any) -> Any:
    """Return a value without the keys that Arrow gives to each element since one has them."""
    if isinstance(value, dict):
        return {key: _without_none(item) for key, item in value.items() if item is not None}
    return [_without_none(item) for item in value] if isinstance(value, list) else value


def _number(row: Mapping[str, Any], role: str, default: Any = 0) -> Any:
    """Return a number; a cell of CSV is a text. None stands for `default` if that is None. Raises ValueError."""
    value = row.get(role)
    if value is None and default is None:
        return None
    if isinstance(value, str):
        try:
            return number(float(value), role)
        except ValueError:
            raise BadValue(role, "a number", found_value(value)) from None
    return number(value, role)


def _whole(row: Mapping[str, Any], role: str) -> int:
    value = _number(row, role)
    if value != int(value):
        raise BadValue(role, "a whole number", found_value(value))
    return int(value)


def _text(row: Mapping[str, Any]) -> str:
    return text_of(row["text"], "text").strip()


def _merged(items: list[Any]) -> list[Any]:
    """Return annotations; rows with times become one answer per feature."""
    timed = [item for item in items if "frames" in item]
    return [*(item for item in items if "frames" not in item), *answers(timed)]
