"""The options of commands that read a file of predictions: its format, and facts that the file does not contain."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, BinaryIO

import typer

from prelabel.readers import (
    FORMATS,
    BadRecord,
    PredictionMapping,
    ReaderOptions,
    Record,
    Source,
    UnreadableInput,
    read_mapping,
)
from prelabel.readers.mapped import map_lines, read_outputs
from prelabel.readers.ndjson import Form, LineOptions, read_lines
from prelabel.readers.recognition import Likeness, has_no_json, recognise, recognise_path
from prelabel.text_input import STANDARD_INPUT, TextInput, name_of, open_text
from prelabel_worker.cli.shared.parameters import sharing
from prelabel_worker.cli.shared.terminal import say, usage

_AUTO, _MESSAGES, _NDJSON, _OUTPUTS = "auto", "messages", "ndjson", "outputs"
_FORMATS = (_AUTO, _MESSAGES, _NDJSON, _OUTPUTS, *FORMATS)
Watch = Callable[[TextInput], AbstractContextManager[BinaryIO]]
"""Wraps a text, for example to show how much of it was read."""
_SPECIAL = (
    *("categories", "images", "masks", "mask_url", "media", "frame_rate", "frame_step", "first_frame"),
    *("outlines", "task", "dataset"),
    *("texts", "columns", "multi_label", "question", "level", "ocr_as", "text_feature", "dpi"),
)


class Media(StrEnum):
    """The media type of the data rows."""

    AUDIO = "audio"
    VIDEO = "video"
    DOCUMENT = "document"
    IMAGE = "image"


class Level(StrEnum):
    """The boxes of OCR."""

    WORD = "word"
    LINE = "line"
    BLOCK = "block"


class OcrAs(StrEnum):
    """What lines or words of OCR become."""

    BOXES = "boxes"
    ENTITIES = "entities"


class Outlines(StrEnum):
    """What outlines become."""

    POLYGONS = "polygons"
    MASKS = "masks"


class Task(StrEnum):
    """What a line of YOLO's text holds."""

    DETECT = "detect"
    SEGMENT = "segment"
    POSE = "pose"
    OBB = "obb"


@dataclass(frozen=True, slots=True)
class Predictions:
    """How to read a file. Each field is a parameter of every command that reads predictions."""

    form: Annotated[
        str,
        typer.Option(
            "--format",
            metavar="FORMAT",
            help=f"What the file holds: {', '.join(_FORMATS)}. auto: by its beginning.",
        ),
    ] = _AUTO
    mapping: Annotated[
        Path | None, typer.Option(help="A mapping.toml: features of classes, thresholds, routes, outputs.")
    ] = None
    global_key: Annotated[str | None, typer.Option(help="Template of a data row's global key.")] = None
    model: Annotated[str | None, typer.Option(help="The model's name.")] = None
    categories: Annotated[Path | None, typer.Option(help="coco-…, mot, yolo: the file of categories.")] = None
    images: Annotated[
        Path | None, typer.Option(help="coco-…, yolo: the file with sizes and names of images; yolo: or their folder.")
    ] = None
    masks: Annotated[Path | None, typer.Option(help="coco-panoptic: the folder of PNG files.")] = None
    mask_url: Annotated[str | None, typer.Option(help="coco-panoptic: where Labelbox finds a PNG file.")] = None
    media: Annotated[
        Media | None, typer.Option(help="Speech: audio or video. OCR: document or image. Tables: video for frames.")
    ] = None
    frame_rate: Annotated[float | None, typer.Option(min=0.001, help="Frames a second of the video.")] = None
    frame_step: Annotated[int | None, typer.Option(min=1, help="mot: N when the tracker saw every Nth frame only.")] = (
        None
    )
    first_frame: Annotated[
        int | None, typer.Option(min=0, help="mot: the number of the video's first frame in the file; 1 if not given.")
    ] = None
    outlines: Annotated[Outlines | None, typer.Option(help="What outlines become. [default: polygons]")] = None
    task: Annotated[Task | None, typer.Option(help="yolo: what a line holds, where its columns do not say.")] = None
    dataset: Annotated[
        str | None, typer.Option(help="datumaro: the library's name of the format, such as voc, cvat, kitti, label_me.")
    ] = None
    texts: Annotated[
        Path | None, typer.Option(help="conll, brat: the file with the data row's text, or a folder of them.")
    ] = None
    columns: Annotated[
        list[str] | None,
        typer.Option(metavar="ROLE=COLUMN", help="table, conll: the column with this role; several times for several."),
    ] = None
    multi_label: Annotated[
        float | None,
        typer.Option(min=0, max=1, help="Classes of data rows: a checklist of those with at least this score."),
    ] = None
    question: Annotated[str | None, typer.Option(help="Classes of data rows: their feature.")] = None
    level: Annotated[Level | None, typer.Option(help="OCR: which boxes. [default: line]")] = None
    ocr_as: Annotated[
        OcrAs | None, typer.Option(help="hocr, alto: boxes, or entities of a text layer with its ids. [default: boxes]")
    ] = None
    text_feature: Annotated[str | None, typer.Option(help="OCR: the free text below a box that gets its words.")] = None
    dpi: Annotated[
        float | None, typer.Option(min=1, max=10_000, help="OCR: dots per inch of the pages, to count in points.")
    ] = None

    def recognised(self, file: str) -> "Predictions":
        """Return these options with the file's own format, if none is given and the file is certainly of one.

        Raises UnreadableInput. Prints the format on standard error.
        """
        path = Path(file)
        if self.form != _AUTO or file == STANDARD_INPUT or not (path.is_file() or path.is_dir()):
            return self
        likeness = recognise_path(path)
        if likeness is None or not likeness.certain or likeness.formats[0] not in FORMATS:
            return self
        say(f"{path}: this looks like {likeness.formats[0]}, and is read as --format {likeness.formats[0]}")
        return replace(self, form=likeness.formats[0])

    @contextmanager
    def open(
        self,
        file: str,
        project: str | None,
        left_out: dict[str, int] | None = None,
        *,
        mixed: bool = False,
        watch: Watch = nullcontext,
        routed: bool = False,
        ontology: Path | None = None,
        stand_in: str | None = None,
    ) -> Iterator[Source]:
        """Open the file's records; add to `left_out` how many the mapping leaves out, and why.

        A rest that cannot be read is a bad record, unless nothing was read before it: then UnreadableInput is raised.
        With `mixed`, lines may be messages or plain NDJSON; `watch` wraps the text that is read line by line. With
        `routed`, records that name no project go where the mapping says; `stand_in` is their project if nothing says
        it. The names in the mapping are checked against `ontology`. Exit code 2 when the options do not fit the
        format, or the file looks like another one.
        """
        options = self.recognised(file)
        mapping = options._mapping(project, ontology, routed=routed)
        if mapping.project is None and not mapping.routes:
            mapping = mapping.with_defaults(stand_in)
        with options._opened(file, mapping, left_out, mixed=mixed, watch=watch) as source:
            yield source

    def has_routes(self) -> bool:
        """Return whether the mapping decides which projects get a data row. Raises BadMapping."""
        return self.mapping is not None and bool(read_mapping(self.mapping).routes)

    @contextmanager
    def _opened(
        self, file: str, mapping: PredictionMapping, left_out: dict[str, int] | None, *, mixed: bool, watch: Watch
    ) -> Iterator[Source]:
        # A project that was given is then for the data rows that no route takes.
        project = None if mapping.routes else mapping.project
        can_be_addressed = project is not None or bool(mapping.routes)
        if self.form in FORMATS:
            if not can_be_addressed:
                usage(f"{self.form} needs --project: its records do not name one")
            if file == STANDARD_INPUT or Path(file).is_fifo():
                usage(
                    f"{self.form} cannot be read from standard input or a pipe, since a file of it is read more than "
                    "once: write it to a file, unpacked or not, and give that file's name"
                )
            special: dict[str, Any] = {name: value for name in _SPECIAL if (value := getattr(self, name)) is not None}
            if self.columns is not None:
                special["columns"] = _pairs(self.columns)
            options = ReaderOptions(project or "", self.model, self.global_key, mapping, **special)
            yield _to_the_end(self._named(Path(file), FORMATS[self.form].read(Path(file), options)))
            _count_left_out(mapping, left_out)
            return
        if self.form == _NDJSON and not can_be_addressed:
            usage("ndjson needs --project: plain lines do not name one")
        with open_text(file) as stream:
            if self.form == _OUTPUTS:
                with watch(stream) as lines:
                    yield _to_the_end(read_outputs(lines, mapping, Path(file).name))
                _count_left_out(mapping, left_out)
                return
            likeness = recognise(stream, Path(file) if stream.size is not None else None)
            if likeness is not None and not set(likeness.formats) & set(Form):
                usage(f"{name_of(file)}: {likeness.text}")
            if stream.size is not None and has_no_json(stream):  # a pipe may begin with a bad line
                usage(f"{name_of(file)}: no line of it is JSON: expected one message or annotation a line, or --format")
            form = None if self.form == _AUTO else Form(self.form)
            with watch(stream) as lines:
                of_lines = LineOptions(project, self.model, form, mixed=mixed and form is None)
                source = _to_the_end(read_lines(lines, of_lines))
                yield map_lines(source, mapping, Path(file).name) if self.mapping else source
            _count_left_out(mapping, left_out)

    def _mapping(self, project: str | None, ontology: Path | None, *, routed: bool) -> PredictionMapping:
        """Return the mapping with the project and the options of the command line. Raises BadMapping.

        Exit code 2 when the options do not fit the format.
        """
        self._check()
        mapping = read_mapping(self.mapping, ontology=ontology) if self.mapping else PredictionMapping()
        if self.form == _OUTPUTS and mapping.output is None:
            usage("--format outputs needs --mapping FILE with a table [output]: docs/reference/mapping.md")
        if not routed:
            mapping = replace(mapping, routes=())
        if self.form == _OUTPUTS:
            return mapping.with_defaults(project, self.model, self.global_key)
        return mapping.with_defaults(project)

    def _named(self, path: Path, source: Source) -> Source:
        """Yield the records; if the file has none, and looks like one of another format, name the option for that."""
        records = 0
        try:
            for record in source:
                records += isinstance(record, Record)
                yield record
        except UnreadableInput as error:
            if not records and (likeness := self._unlike(path)):
                raise UnreadableInput(f"{error}; {likeness.text}") from None
            raise
        if not records and (likeness := self._unlike(path)):
            say(f"{path}: {likeness.text}")

    def _unlike(self, path: Path) -> Likeness | None:
        with suppress(UnreadableInput):
            likeness = recognise_path(path)
            return None if likeness is None or self.form in likeness.formats else likeness
        return None

    def _check(self) -> None:
        """Exit with code 2 for an option that the format ignores: it would seem to be in effect."""
        if self.form not in _FORMATS:
            usage(f"--format {self.form}: expected one of {', '.join(_FORMATS)}")
        if self.form in FORMATS:
            accepted = FORMATS[self.form].takes | {"mapping", "global_key", "model"}
        elif self.form == _OUTPUTS:
            accepted = frozenset({"mapping", "global_key", "model"})
        else:
            accepted = frozenset({"mapping"}) if self.form == _MESSAGES else frozenset({"mapping", "model"})
        for option in ("mapping", "global_key", "model", *_SPECIAL):
            if getattr(self, option) is not None and option not in accepted:
                usage(f"--{option.replace('_', '-')} means nothing to --format {self.form}")


def _pairs(words: list[str]) -> dict[str, str]:
    """Return `ROLE=COLUMN` words as a table. Exit code 2 for a word of another form."""
    pairs: dict[str, str] = {}
    for word in words:
        role, equals, column = word.partition("=")
        if not (role and equals and column) or role in pairs:
            usage(f"--columns {word}: expected ROLE=COLUMN, such as key=image, each role once")
        pairs[role] = column
    return pairs


def _to_the_end(source: Source) -> Source:
    """Yield the records; what cannot be read after the first one becomes a bad record. Raises UnreadableInput."""
    begun = False
    try:
        for record in source:
            begun = True
            yield record
    except UnreadableInput as error:
        if not begun:
            raise
        yield BadRecord("nothing more was read", str(error))


def _count_left_out(mapping: PredictionMapping, left_out: dict[str, int] | None) -> None:
    if left_out is not None:
        left_out.update(mapping.left_out)


def say_left_out(left_out: dict[str, int]) -> None:
    """Print how many predictions or data rows the mapping leaves out, and why."""
    for why, count in left_out.items():
        say(f"left out: {count} {why}")


reading = sharing(Predictions, "predictions")
"""Decorates a command with the options of a file of predictions; the command receives them as `predictions`."""
