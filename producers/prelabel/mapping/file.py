"""Read `mapping.toml`."""

import tomllib
from pathlib import Path
from typing import Any

from prelabel.mapping.checks import BadMapping, between, check_keys, one_of
from prelabel.mapping.classes import read_target
from prelabel.mapping.mapping import PredictionMapping
from prelabel.mapping.ontology_names import check_names, read_names
from prelabel.mapping.output_table import read_output
from prelabel.mapping.routes import read_route
from prelabel.mapping.sampling import read_sample_table
from prelabel.mapping.template import KeyTemplate
from prelabel.text_input import UnreadableInput, read_text

KNOWN: dict[str, type] = {
    "project": str, "model": object, "global_key": str, "confidence": float, "unmapped": str, "empty": str,
    "classes": dict, "sample": dict, "routes": list, "output": dict,
}  # fmt: skip


def read_mapping(path: str | Path, *, ontology: str | Path | None = None) -> PredictionMapping:
    """Return the mapping in a file. Raises BadMapping with the file, the key, what was found and what was expected.

    `ontology` is a file that `prelabel ontology show --json` wrote: a feature, a classification or an option that it
    does not have is an error, which suggests the name that was meant.
    """
    path = Path(path)
    names = read_names(Path(ontology)) if ontology is not None else None
    try:
        mapping = mapping_of(tomllib.loads(read_text(path).decode()))
        if names is not None:
            check_names(mapping, names)
        return mapping
    except UnreadableInput as error:
        raise BadMapping(str(error)) from None
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise BadMapping(f"{path}: not TOML: {error}") from None
    except BadMapping as error:
        raise BadMapping(f"{path}: {error}") from None


def mapping_of(table: dict[str, Any]) -> PredictionMapping:
    """Return the mapping that the content of a file means. Raises BadMapping."""
    model = dict if isinstance(table.get("model"), dict) else str
    check_keys(table, {**KNOWN, "model": model}, "")
    template = table.get("global_key")
    return PredictionMapping(
        {name: read_target(name, value) for name, value in table.get("classes", {}).items()},
        between(table.get("confidence", 0.0), "confidence"),
        one_of(table.get("unmapped", "keep"), ("keep", "drop", "refuse"), "unmapped"),
        None if template is None else KeyTemplate(template),
        read_sample_table(table.get("sample", {})),
        table.get("project"),
        _model(table.get("model")),
        one_of(table.get("empty", "publish"), ("publish", "leave-out"), "empty") == "publish",
        tuple(read_route(route, f"routes[{at}]") for at, route in enumerate(table.get("routes", ()))),
        read_output(table["output"], table.get("classes", {})) if "output" in table else None,
    )


def _model(value: str | dict[str, Any] | None) -> dict[str, str] | None:
    if value is None:
        return None
    if isinstance(value, str):
        return {"name": value}
    check_keys(value, {"name": str, "version": str}, "model.")
    if "name" not in value:
        raise BadMapping("model.name: missing")
    return value
