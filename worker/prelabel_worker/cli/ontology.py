"""`prelabel ontology`: infer."""

from typing import Annotated

import orjson
import typer

from prelabel.errors import MessageError
from prelabel.gate import read_message
from prelabel.readers import BadRecord, Source
from prelabel_worker.cli.common import DONE_WITH_DEAD, out, say, usage
from prelabel_worker.cli.predictions import Predictions, reading
from prelabel_worker.ontology_infer import Inference
from prelabel_worker.validation import STAND_IN

app = typer.Typer(help="Ontologies: infer.", no_args_is_help=True, rich_markup_mode=None)
_SHOWN = 20


@app.callback()
def _ontologies() -> None:
    """Ontologies."""


@app.command("infer")
@reading
def infer(
    file: Annotated[str, typer.Argument(metavar="PREDICTIONS", help="A file, also .gz, or - for standard input.")],
    predictions: Predictions = Predictions(),  # noqa: B008 - frozen; `reading` gives the real one
) -> None:
    """Propose an ontology that takes a file of predictions, as JSON for `ontology create`.

    Records that are no predictions, and names that are used in two ways, are named on standard error and leave exit
    code 1.

    Example: prelabel ontology infer predictions.ndjson > ontology.json
    """
    inference = Inference()
    with predictions.open(file, STAND_IN) as source:
        read, refused = _read(inference, source)
    if not read:
        usage(f"{file}: no record of it can be read")
    proposal = inference.proposal()
    for remark in proposal.remarks:
        say(remark)
    for conflict in proposal.conflicts:
        say(f"conflict: {conflict}")
    out(proposal.ontology)
    if refused or proposal.conflicts:
        raise typer.Exit(DONE_WITH_DEAD)


def _read(inference: Inference, source: Source) -> tuple[int, int]:
    """How many records were looked at, and how many are none."""
    read = refused = 0
    for record in source:
        problem = record.problem if isinstance(record, BadRecord) else ""
        if not isinstance(record, BadRecord):
            raw = record.message if isinstance(record.message, bytes) else orjson.dumps(record.message)
            try:
                inference.add(*read_message(raw), record.where)
            except MessageError as error:
                problem = f"{error} [{error.reason.value}]"
        read += not problem
        refused += bool(problem)
        if problem and refused <= _SHOWN:
            say(f"{record.where}: {problem}")
    if refused > _SHOWN:
        say(f"… and {refused - _SHOWN:,} more")
    return read, refused
