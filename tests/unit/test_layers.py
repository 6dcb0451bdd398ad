"""Who may import whom (docs/architecture.md): a newcomer can trust the module map."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

from prelabel_worker import scripts

ROOT = Path(__file__).parents[2]
SOURCES = {
    path: ast.parse(path.read_text("utf-8"))
    for root in ("producers", "worker", "sandbox")
    for path in sorted((ROOT / root).rglob("*.py"))
}


def imports(path: Path) -> set[str]:
    """The modules a file imports, by their full names, wherever in the file."""
    found = set()
    for node in ast.walk(SOURCES[path]):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {node.module} | {f"{node.module}.{alias.name}" for alias in node.names}
    return found


def importers(package: str) -> set[str]:
    """Our files that import this package, relative to their source root."""
    return {
        str(path.relative_to(ROOT).relative_to(path.relative_to(ROOT).parts[0]))
        for path in SOURCES
        if any(name == package or name.startswith(f"{package}.") for name in imports(path))
    }


def test_producers_know_neither_worker_nor_sandbox() -> None:
    for package in ("prelabel_worker", "prelabel_sandbox"):
        assert not {name for name in importers(package) if name.startswith("prelabel/")}


def test_the_sandbox_knows_nobody_and_nobody_knows_the_sandbox() -> None:
    assert {name for name in importers("prelabel_sandbox") if not name.startswith("prelabel_sandbox/")} == set()
    for package in ("prelabel", "prelabel_worker"):
        assert not {name for name in importers(package) if name.startswith("prelabel_sandbox/")}


def test_celery_is_known_to_the_celery_side_only() -> None:
    allowed = {"app.py", "broker.py", "celery.py", "consumer.py", "preflight.py", "tasks.py", "ticker.py"}
    for package in ("celery", "kombu", "billiard"):
        found = {name for name in importers(package) if not name.startswith("prelabel_worker/cli/")}
        assert found <= {f"prelabel_worker/{name}" for name in allowed}


def test_labelbox_is_spoken_to_in_one_module() -> None:
    found = {
        name for name in importers("httpx") if not name.startswith(("prelabel_worker/cli/", "prelabel_worker/stack/"))
    }
    assert found == {"prelabel_worker/labelbox.py"}


def test_the_environment_is_read_in_one_module() -> None:
    readers = {
        path.name
        for path, tree in SOURCES.items()
        if "prelabel_sandbox" not in path.parts and "stack" not in path.parts and "cli" not in path.parts
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute) and node.attr in ("environ", "getenv")
    }
    assert readers == set()  # settings.py leaves it to pydantic-settings


PURE = [
    "ontology",
    "features",
    "choices",
    "identity",
    "ndjson",
    "rows",
    "chunks",
    "history",
    "outcomes",
    "verdicts",
    "letters",
    "build",
]
PURE += ["answers", "dead_letters", "letter_filter", "mending", "roles", "overrides", "pulse", "project_names"]
PURE += ["amqp_url", "metrics", "validation", "ontology_file", "ontology_infer", "endpoint"]


@pytest.mark.parametrize("module", PURE)
def test_pure_modules_do_no_io(module: str) -> None:
    path = ROOT / "worker" / "prelabel_worker" / f"{module}.py"
    forbidden = {"redis", "httpx", "celery", "os", "socket", "threading", "structlog"}
    assert not {name.split(".")[0] for name in imports(path)} & forbidden


ADAPTERS = ["ledger", "timers", "permits", "accounts", "held", "held_reader", "actions", "catalog", "labelbox"]
ADAPTERS += ["leases", "undo_ledger", "quarantine"]


@pytest.mark.parametrize("module", ADAPTERS)
def test_no_adapter_imports_a_stage_or_a_celery_module(module: str) -> None:
    names = imports(ROOT / "worker" / "prelabel_worker" / f"{module}.py")
    upward = ("stages", "app", "tasks", "ticker", "cli", "runtime", "stack")
    assert not [name for name in names if name.startswith(tuple(f"prelabel_worker.{part}" for part in upward))]


def test_the_sdk_of_labelbox_is_known_to_one_package_which_is_loaded_on_demand() -> None:
    found = {name for name in importers("labelbox") if not name.startswith("prelabel/sdk/")}
    assert found == {"prelabel/gate.py"}  # for types only
    assert {name for name in importers("prelabel.sdk") if not name.startswith("prelabel/sdk/")} == {"prelabel/gate.py"}


def test_no_code_of_ours_imports_numpy() -> None:
    assert importers("numpy") | importers("PIL") == set()


def test_import_prelabel_loads_neither_celery_nor_httpx_nor_numpy() -> None:
    names = ("celery", "httpx", "numpy", "kombu", "labelbox", "prelabel.builders", "prelabel.sdk")
    code = f"import sys, prelabel; print([m for m in {names} if m in sys.modules])"
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert answer.stdout.strip() == "[]"


@pytest.mark.parametrize("name", scripts.names())
def test_each_script_says_its_contract(name: str) -> None:
    text = (Path(scripts.__file__).parent / f"{name}.lua").read_text("utf-8")
    header = [line for line in text.splitlines() if line.startswith("--")]
    assert any(line.startswith("-- KEYS[1]") for line in header)
    assert len(text.splitlines()) < 120
