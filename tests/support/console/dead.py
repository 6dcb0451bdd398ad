"""Projects with dead letters, for tests of the console."""

import re
from collections.abc import Mapping
from dataclasses import replace
from html import unescape
from typing import Any

import orjson

from prelabel.publishing.buffer import Row
from prelabel.wire import keys
from prelabel_worker.chunks.held_rows import Problem
from tests.support.dead_letters import kill_for, misnamed
from tests.support.project import Project

ONE, TWO = "cone0000000000000000000000", "ctwo0000000000000000000000"
"""Ids of projects as Labelbox has them, 26 characters."""
ONTOLOGY = {
    "tools": [{"tool": "rectangle", "name": "Person", "featureSchemaId": "p", "classifications": []}],
    "classifications": [],
}


def box(project_id: str, key: str, name: str = "Persn", model: str = "m", **fields: Any) -> Row:
    """Return a row of a message of this project with one box."""
    body: Mapping[str, Any] = {
        "messageId": f"id-{key}",
        "projectId": project_id,
        "dataRow": {"globalKey": key},
        "model": {"name": model},
        "annotations": [{"name": name, "bbox": {"top": 1, "left": 2, "height": 3, "width": 4}}],
        **fields,
    }
    return Row(f"k:{key}", orjson.dumps(body), 0)


def named(project: Project, name: str) -> Project:
    """Return a project of this name in the same Redis, which is listed as workers list it."""
    project.client.zadd(keys.projects(project.settings.key_prefix), {name: 0})
    return replace(project, id=name)


def misspelt(
    project: Project, name: str, *row_keys: str, wrong: str = "Persn", right: str | None = "Person"
) -> list[str]:
    """Make dead letters of rows whose feature is misspelt, and return their ids."""
    rows = [box(name, key, wrong) for key in row_keys]
    return kill_for(named(project, name), misnamed(wrong, right), *rows)


def dead_for(project: Project, name: str, problem: Problem, *rows: Row) -> list[str]:
    """Make dead letters of these rows with this problem, and return their ids."""
    return kill_for(named(project, name), problem, *rows)


def cache_ontology(project: Project, name: str, normalized: Mapping[str, Any] = ONTOLOGY) -> None:
    """Put an ontology where workers cache it."""
    fields = {"normalized": orjson.dumps(normalized), "mediaType": "IMAGE", "name": "o", "fetchedMs": 1}
    project.client.hset(named(project, name).keys.ontology, mapping=fields)


def fields_of(page: str, button: str) -> dict[str, str]:
    """Return the hidden fields of the first form of a page that has this text."""
    form = next(form for form in re.findall(r"<form.*?</form>", page, re.DOTALL) if button in form)
    hidden = re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)">', form)
    return {name: unescape(value) for name, value in hidden}
