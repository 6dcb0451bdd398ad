"""`prelabel ontology`: infer, create, list, show."""

import re
from collections.abc import Mapping
from itertools import islice
from pathlib import Path
from typing import Annotated, Any

import orjson
import typer

from prelabel.annotations.kinds import MEDIA_TYPES
from prelabel.errors import MessageError
from prelabel.printing import and_more, command, counted
from prelabel.readers import BadRecord, Source
from prelabel.text_input import read_text
from prelabel.validation.gate import read_message
from prelabel_worker.cli.publish.predictions import Predictions, reading
from prelabel_worker.cli.setup.calling import Account, calling
from prelabel_worker.cli.shared.configuration import settings_for
from prelabel_worker.cli.shared.known import near
from prelabel_worker.cli.shared.screen import console, new_table
from prelabel_worker.cli.shared.terminal import (
    DONE_WITH_DEAD,
    NOTHING,
    AsJson,
    RedisUrl,
    out,
    print_line,
    say,
    usage,
)
from prelabel_worker.labelbox.errors import RequestError
from prelabel_worker.ontology.file import read_ontology, tree_of
from prelabel_worker.ontology.inference import Inference
from prelabel_worker.rendering.file_validation import STAND_IN
from prelabel_worker.setup.calls import Calls
from prelabel_worker.setup.ontologies import WITH_FEATURES, NoOntology, Ontologies, Ontology

_SHOWN = 20


@reading
def infer(
    file: Annotated[
        str, typer.Argument(metavar="PREDICTIONS", help="A file, perhaps packed with gzip, or - for standard input.")
    ],
    predictions: Predictions = Predictions(),  # noqa: B008 - frozen; `reading` gives the real one
) -> None:
    """Propose an ontology that accepts a file of predictions, as JSON for `ontology create`.

    Exit code 1 when records are refused, or when a name is used in two ways; both are printed on standard error.

    Example: prelabel ontology infer predictions.ndjson > ontology.json
    """
    inference = Inference()
    with predictions.open(file, STAND_IN) as source:
        read, refused = _add_records(inference, source)
    if not read:
        usage(f"{file}: none of its records can be read")
    proposal = inference.proposal()
    for remark in proposal.remarks:
        say(remark)
    for conflict in proposal.conflicts:
        say(f"conflict: {conflict}")
    out(proposal.ontology)
    if refused or proposal.conflicts:
        raise typer.Exit(DONE_WITH_DEAD)


def create(
    file: Annotated[str, typer.Argument(metavar="FILE", help="JSON file with tools and classifications, or - .")],
    name: Annotated[
        str | None, typer.Option(help="The ontology's name; else the name in the file, or the file's own.")
    ] = None,
    media_type: Annotated[
        str | None, typer.Option(help="IMAGE, VIDEO, TEXT …; used in place of the file's own.")
    ] = None,
    account: Account = None,
    as_json: AsJson = False,
    redis_url: RedisUrl = None,
) -> None:
    """Create an ontology and print its id.

    Example: prelabel ontology create ontology.json --name harbour --media-type IMAGE
    """
    try:
        content = orjson.loads(read_text(file))
    except orjson.JSONDecodeError as error:
        usage(f"{file}: not JSON: {error}")
    in_file = read_ontology(content, media_type)
    for remark in in_file.remarks:
        say(f"{file}: {remark}")
    if in_file.media_type is None:
        usage("give --media-type: a project accepts only an ontology of its own media type")
    _check_media(in_file.media_type.upper())
    tree = tree_of(content)
    new_name = name or _name_in(content) or ("" if file == "-" else Path(file).name.split(".")[0])
    if not new_name:
        usage("give --name: standard input has none")
    settings = settings_for(redis_url)
    with calling(settings, account) as calls:
        made = _create_ontology(Ontologies(calls), new_name, tree, in_file.media_type.upper())
    if as_json:
        out(made.as_json())
    else:
        say(f"ontology '{made.name}': {counted(made.tools, 'tool')}, {counted(made.classifications, 'classification')}")
        print_line(made.id)


def list_ontologies(
    search: Annotated[str, typer.Option(help="Words to look for in the name.")] = "",
    limit: Annotated[int, typer.Option(help="Maximum number to list.", min=1)] = 100,
    account: Account = None,
    as_json: AsJson = False,
    redis_url: RedisUrl = None,
) -> None:
    """List ontologies of the account. Exit code 3 when there is none.

    Example: prelabel ontology list --search harbour
    """
    with calling(settings_for(redis_url), account) as calls:
        ontologies = list(islice(Ontologies(calls).list(search), limit))
    if as_json:
        out({"ontologies": [ontology.as_json() for ontology in ontologies]})
    elif ontologies:
        table = new_table("id", "name", "media type", "tools", "classifications", "made")
        for ontology in ontologies:
            counts = (str(ontology.tools), str(ontology.classifications))
            made = (ontology.created_at or "")[:10]
            table.add_row(ontology.id, ontology.name, ontology.media_type or "", *counts, made)
        console().print(table, markup=False)
    if not ontologies:
        say("no ontology matches" if search else "there is no ontology")
        raise typer.Exit(NOTHING)


def show(
    ontology_id: Annotated[str, typer.Argument(metavar="ID", help="The ontology's id.")],
    account: Account = None,
    as_json: AsJson = False,
    redis_url: RedisUrl = None,
) -> None:
    """Show an ontology's features; --json prints what `ontology create` and `validate --ontology` read.

    Exit code 3 when no ontology has this id.

    Example: prelabel ontology show cl1a2b3c4d5e6f7g8h9i0j1k2 --json > ontology.json
    """
    with calling(settings_for(redis_url), account) as calls:
        ontology = _of_id(calls, ontology_id)
    if as_json:
        out(ontology.as_json(*WITH_FEATURES))
        return
    print_ = console().print
    media_type = ontology.media_type or "no media type"
    print_(f"ontology {ontology.id} '{ontology.name}', {media_type}", style="bold", highlight=False)
    for line in _lines(ontology.normalized):
        print_(line, markup=False, highlight=False)


def _of_id(calls: Calls, ontology_id: str) -> Ontology:
    try:
        return Ontologies(calls).read(ontology_id)
    except NoOntology as error:
        say(str(error))
        raise typer.Exit(NOTHING) from None


def _create_ontology(ontologies: Ontologies, name: str, tree: Mapping[str, Any], media_type: str) -> Ontology:
    try:
        return ontologies.create(name, tree, media_type)
    except RequestError as error:
        if error.maybe_accepted:
            say(f"the ontology may have been made anyway: {command('ontology list', search=name)}")
        raise


def _check_media(media_type: str) -> None:
    """Exit with code 2 for a media type that is like a known one; Labelbox may have others that we do not know."""
    if re.sub("[_-]", "", media_type) not in MEDIA_TYPES and (meant := near(media_type, MEDIA_TYPES)):
        usage(f"--media-type {media_type}: no media type is called that{meant}")


def _name_in(content: Any) -> str:
    name = content.get("name") if isinstance(content, dict) else None
    return name if isinstance(name, str) else ""


def _lines(tree: Mapping[str, Any], indent: str = "  ") -> list[str]:
    """Return the tree, a feature or option a line."""
    lines: list[str] = []
    for feature in (*(tree.get("tools") or ()), *(tree.get("classifications") or ())):
        archived = ", archived" if feature.get("archived") else ""
        lines.append(f"{indent}{feature.get('tool') or feature.get('type')} {feature.get('name')}{archived}")
        if "tool" in feature:
            lines += _lines({"classifications": feature.get("classifications")}, indent + "  ")
            continue
        for option in feature.get("options") or ():
            lines.append(f"{indent}  - {option.get('value', option.get('label'))}")
            lines += _lines({"classifications": option.get("options")}, indent + "    ")
    return lines


def _add_records(inference: Inference, source: Source) -> tuple[int, int]:
    """Add the records to the inference; return how many were read, and how many were refused."""
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
    for line in and_more(refused, _SHOWN):
        say(line)
    return read, refused
