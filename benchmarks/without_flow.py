"""A worker and a publisher that count nothing by time: the other side of flow_cost.py.

    python benchmarks/without_flow.py worker --concurrency 1

Their scripts are the product's without what flow_lib.lua adds to a count of rows; nothing else is changed.
"""

import os
import runpy
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from unittest.mock import patch

from prelabel.publishing.inbox import Inbox
from prelabel_worker import scripts
from prelabel_worker.accounts.request_counts import RequestCounts
from prelabel_worker.chunks.freshness import PublishedRows
from prelabel_worker.cli import main
from prelabel_worker.labelbox.sent_request import ignore

_LIBRARY = scripts._files()["flow_lib"].read_text("utf-8")
_ONLY_COUNTS = """
local groups
local function add() end
local function observe() end
local function count(outcome, rows)
  if rows ~= 0 then redis.call('HINCRBY', root .. ':counts', outcome, rows) end
end
local function write_flow() end
"""
_AGES = "'ages', table.concat(ages, ' '), "


def without_flow(source: str) -> str:
    """Return a script that counts rows and nothing by time."""
    lines = [line for line in source.replace(_LIBRARY, _ONLY_COUNTS).splitlines() if "count_in(':flow" not in line]
    return "\n".join(lines).replace(_AGES, "")


@contextmanager
def worker_without_flow() -> Iterator[None]:
    """Let the worker that is started inside the block count nothing by time."""
    source = scripts.source
    assert without_flow(source("commit_rows")) != source("commit_rows")
    assert _AGES in source("group")
    with (
        patch.object(scripts, "source", lambda name: without_flow(source(name))),
        patch.object(PublishedRows, "observe", lambda *_: None),
        patch.object(RequestCounts, "observer", lambda *_: ignore),
    ):
        yield


@contextmanager
def publisher_without_flow() -> Iterator[None]:
    """Let publishers that are made inside the block count nothing by time."""
    begin = Inbox.__post_init__

    def begin_without(inbox: Inbox, *arguments: Any) -> None:
        begin(inbox, *arguments)
        script = inbox._script.script
        assert without_flow(script) != script
        inbox._script = inbox.client.register_script(without_flow(script))

    with patch.object(Inbox, "__post_init__", begin_without):
        yield


def _run_here(_: str, command: list[str], environment: dict[str, str]) -> None:
    """Stand for `os.execve`: run the module in this process, since a new program would not be changed."""
    os.environ.update(environment)
    sys.argv = command[2:]  # without the interpreter and `-m`
    runpy.run_module(sys.argv[0], run_name="__main__")


if __name__ == "__main__":
    with worker_without_flow(), patch.object(os, "execve", _run_here):
        main()
