"""Reads back what became of the rows: the pre-labels in the sandbox, and the rows that are held."""

from collections.abc import Iterable, Iterator
from typing import Any

import httpx
import orjson

from prelabel.wire.client import Client
from prelabel.wire.keys import DEFAULT_PREFIX, ProjectKeys
from prelabel_worker.stack.stack import Stack


def pre_labels(stack: Stack, projects: Iterable[str]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Return the project and the line of every pre-label in the sandbox."""
    for project in projects:
        url = f"{stack.file.sandbox_url}/_sandbox/projects/{project}/pre-labels"
        with httpx.stream("GET", url, timeout=120, trust_env=False) as answer:
            for line in answer.iter_lines():
                if line:
                    yield project, orjson.loads(line)


def held_messages(client: Client, projects: Iterable[str]) -> Iterator[str]:
    """Return the message ids of all rows outside a chunk: dead letters and retrying rows."""
    for project in projects:
        for _, body in client.hscan_iter(ProjectKeys(DEFAULT_PREFIX, project).held_body, count=500):
            yield str(orjson.loads(body.partition(b"\n")[0])["messageId"])
