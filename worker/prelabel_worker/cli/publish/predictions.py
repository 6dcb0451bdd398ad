"""The options of commands that read a file of predictions: its format, and facts that the file does not contain."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from prelabel.readers import FORMATS, ClassMapping, ReaderOptions, Source, read_mapping
from prelabel.readers.messages import read_messages
from prelabel.readers.ndjson import Form, LineOptions, read_lines
from prelabel_worker.cli.shared.parameters import sharing
from prelabel_worker.cli.shared.terminal import opened, usage

_AUTO, _MESSAGES, _NDJSON = "auto", "messages", "ndjson"
_FORMATS = (_AUTO, _MESSAGES, _NDJSON, *FORMATS)
_SPECIAL = ("categories", "images", "masks", "mask_url", "media", "frame_rate", "frame_step", "first_frame")


class Media(StrEnum):
    """The media type of the data rows."""

    AUDIO = "audio"
    VIDEO = "video"


@dataclass(frozen=True, slots=True)
class Predictions:
    """How to read a file. Each field is a parameter of every command that reads predictions."""

    form: Annotated[
        str,
        typer.Option(
            "--format",
            metavar="FORMAT",
            help=f"What the file holds: {', '.join(_FORMATS)}. auto: messages or Labelbox NDJSON, by its first line.",
        ),
    ] = _AUTO
    mapping: Annotated[
        Path | None, typer.Option(help="A mapping.toml: features of classes, minimum confidence, sample.")
    ] = None
    global_key: Annotated[str | None, typer.Option(help="Template of a data row's global key.")] = None
    model: Annotated[str | None, typer.Option(help="The model's name.")] = None
    categories: Annotated[Path | None, typer.Option(help="coco-…, mot: the file of categories.")] = None
    images: Annotated[Path | None, typer.Option(help="coco-…: the file with sizes and names of images.")] = None
    masks: Annotated[Path | None, typer.Option(help="coco-panoptic: the folder of PNG files.")] = None
    mask_url: Annotated[str | None, typer.Option(help="coco-panoptic: where Labelbox finds a PNG file.")] = None
    media: Annotated[Media | None, typer.Option(help="rttm: the media type of the data rows.")] = None
    frame_rate: Annotated[float | None, typer.Option(min=0.001, help="Frames a second of the video.")] = None
    frame_step: Annotated[int | None, typer.Option(min=1, help="mot: N when the tracker saw every Nth frame only.")] = (
        None
    )
    first_frame: Annotated[
        int | None, typer.Option(min=0, help="mot: the number of the video's first frame in the file; 1 if not given.")
    ] = None

    @contextmanager
    def open(self, file: str, project: str | None, left_out: dict[str, int] | None = None) -> Iterator[Source]:
        """Open the file's records; add to `left_out` how many the mapping leaves out, and why.

        Exit code 2 when the options do not fit the format, or the file cannot be opened.
        """
        self._check()
        if self.form in FORMATS:
            if project is None or file == "-":
                usage(f"{self.form} needs a FILE and --project")
            mapping = read_mapping(self.mapping) if self.mapping else ClassMapping()
            special: dict[str, Any] = {name: value for name in _SPECIAL if (value := getattr(self, name)) is not None}
            yield FORMATS[self.form].read(
                Path(file), ReaderOptions(project, self.model, self.global_key, mapping, **special)
            )
            if left_out is not None:
                left_out.update(mapping.left_out)
            return
        if self.form == _NDJSON and project is None:
            usage("ndjson needs --project: plain lines do not name one")
        with opened(file) as stream:
            if self.form == _MESSAGES:
                yield read_messages(stream, project)
            else:
                form = Form.NDJSON if self.form == _NDJSON else None
                yield read_lines(stream, LineOptions(project, self.model, form))

    def _check(self) -> None:
        """Exit with code 2 for an option that the format ignores: it would seem to be in effect."""
        if self.form not in _FORMATS:
            usage(f"--format {self.form}: expected one of {', '.join(_FORMATS)}")
        if self.form in FORMATS:
            accepted = FORMATS[self.form].takes | {"mapping", "global_key", "model"}
        else:
            accepted = frozenset() if self.form == _MESSAGES else frozenset({"model"})
        for option in ("mapping", "global_key", "model", *_SPECIAL):
            if getattr(self, option) is not None and option not in accepted:
                usage(f"--{option.replace('_', '-')} means nothing to --format {self.form}")


reading = sharing(Predictions, "predictions")
"""Decorates a command with the options of a file of predictions; the command receives them as `predictions`."""
