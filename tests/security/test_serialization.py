"""Only JSON is ever read, by our code and by a worker that is sent other formats."""

import ast
import base64
import json
import pickle
import re
import secrets
from collections.abc import Iterator
from pathlib import Path

import pytest

from prelabel_worker.runtime.app import create_app
from prelabel_worker.settings import load_settings
from prelabel_worker.stack.stack import Stack
from tests.support.flow import SETTINGS, Flow, box
from tests.support.waiting import wait_for

ROOT = Path(__file__).parents[2]
MODULES = {
    "pickle",
    "cPickle",
    "dill",
    "cloudpickle",
    "marshal",
    "shelve",
    "yaml",
    "jsonpickle",
    "joblib",
    "xml",
    "code",
}
READ_SAFELY = {
    # expat itself, with handlers that refuse document types and entities
    "producers/prelabel/readers/xml_stream.py": ["xml.parsers"],
    # `safe_load` alone, see below
    "producers/prelabel/readers/yolo_names.py": ["yaml"],
}
CALLS = {"eval", "exec", "compile", "__import__", "allow_pickle", "enable_insecure_serializers"}
SOURCES = sorted(path for root in ("producers", "worker", "sandbox") for path in (ROOT / root).rglob("*.py"))


def unsafe(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name.split(".")[0] in MODULES)
        elif isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] in MODULES:
            yield str(node.module)
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in CALLS:
            yield node.func.id
        elif isinstance(node, ast.keyword) and node.arg in {"allow_pickle", "shell"}:
            yield node.arg


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_no_source_reads_or_runs_anything_but_data(path: Path) -> None:
    expected = READ_SAFELY.get(str(path.relative_to(ROOT)), [])

    assert list(unsafe(ast.parse(path.read_text("utf-8")))) == expected


def test_yaml_is_loaded_safely() -> None:
    source = (ROOT / "producers/prelabel/readers/yolo_names.py").read_text("utf-8")

    assert re.findall(r"yaml\.(\w*load\w*)", source) == ["safe_load"]


def test_the_search_for_secrets_finds_planted_secrets() -> None:
    bad = "import pickle\nfrom yaml import load\neval('1')\nnumpy.load(x, allow_pickle=True)\nrun(c, shell=True)"

    assert list(unsafe(ast.parse(bad))) == ["pickle", "yaml", "eval", "allow_pickle", "shell"]


def test_lua_runs_no_text_of_its_arguments() -> None:
    for path in [*(ROOT / "worker").rglob("*.lua"), *(ROOT / "producers").rglob("*.lua")]:
        assert not re.search(r"\b(load|loadstring|loadfile|dofile)\s*\(", path.read_text("utf-8")), path


def test_celery_takes_json_alone() -> None:
    app = create_app(load_settings())

    assert app.conf.accept_content == ["json"]
    assert (app.conf.task_serializer, app.conf.event_serializer) == ("json", "json")
    assert app.conf.result_serializer == "json"


class Bomb:
    """Makes a file when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def __reduce__(self) -> tuple[object, tuple[object, ...]]:
        return Path.touch, (self._path,)


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    with Stack(tmp_path_factory.mktemp("serialization") / ".prelabel", settings=SETTINGS) as running:
        yield running


def test_a_pickle_in_the_queue_is_refused_and_the_worker_lives(stack: Stack, tmp_path: Path) -> None:
    flow = Flow(stack, f"p{secrets.token_hex(4)}", stack.client())
    flow.create()
    pid = stack.pids()["worker1"]
    bomb = tmp_path / "exploded"
    pickle.loads(pickle.dumps(Bomb(bomb)))
    assert bomb.exists()
    bomb.unlink()
    app = create_app(load_settings(redis_url=stack.file.redis_url))
    with app.connection_for_write() as connection, connection.channel() as channel:
        for encoding, content in (("base64", "application/x-python-serialize"), ("utf-8", "application/x-yaml")):
            message = channel.prepare_message(
                base64.b64encode(pickle.dumps(Bomb(bomb))).decode(),
                headers={"task": "prelabel.group", "id": secrets.token_hex(8), "lang": "py"},
                properties={"delivery_tag": secrets.token_hex(8), "delivery_info": {"exchange": "", "routing_key": ""}},
                content_type=content,
                content_encoding="binary" if encoding == "base64" else encoding,
            )
            channel._put("prelabel", json.loads(json.dumps(message)))

    log = stack.logs / "worker1.log"
    wait_for(lambda: log.read_text().count("ContentDisallowed") >= 2, "both to be refused")
    flow.publish(box("a", project=flow.project))

    assert flow.settled().imported == 1
    assert not bomb.exists()
    assert stack.pids()["worker1"] == pid
    assert stack.ended() is None
    flow.client.close()
