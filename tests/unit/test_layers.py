"""The rules of imports between folders: the module map of docs/explanation/architecture.md is right."""

import ast
import graphlib
import subprocess
import sys
from importlib import resources
from pathlib import Path

import pytest

from prelabel_worker import scripts
from tests.support.sources import ROOT, SOURCES


def module_name(path: Path) -> str:
    """Return the dotted name of a source file."""
    parts = path.relative_to(ROOT).with_suffix("").parts[1:]
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {module_name(path): path for path in SOURCES}


def room(module: str) -> str:
    """Return the package directly below its root that a module is in, or the module itself where it is in none."""
    parts = module.split(".")
    inside = len(parts) > 2 or (len(parts) == 2 and MODULES[module].name == "__init__.py")
    return ".".join(parts[:2]) if inside else module


def imports(path: Path) -> set[str]:
    """Return the names that a file imports, in full, wherever in the file they stand."""
    names = set()
    for node in ast.walk(SOURCES[path]):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
    return names


def modules_of(names: set[str]) -> set[str]:
    """Return those of our modules that these names are, or are defined in."""
    return {name if name in MODULES else name.rpartition(".")[0] for name in names} & set(MODULES)


def importers(package: str) -> set[str]:
    """Return our modules that import this package."""
    return {
        module
        for module, path in MODULES.items()
        if any(name == package or name.startswith(f"{package}.") for name in imports(path))
    }


#: For every room, the rooms that it may import.
MAY_IMPORT = {
    # what is published
    "prelabel": "annotations errors lazy mapping messages publishing version",
    "prelabel.lazy": "",
    "prelabel.version": "",
    "prelabel.tracing": "version",
    "prelabel.printing": "",
    "prelabel.ids": "",
    "prelabel.unix_time": "",
    "prelabel.json_record": "unix_time",
    "prelabel.private_files": "",
    "prelabel.errors": "printing",
    "prelabel.stack_file": "errors",
    "prelabel.text_input": "errors",
    "prelabel.annotations": "errors printing",
    "prelabel.messages": "annotations ids",
    "prelabel.wire": "errors ids printing tracing",
    "prelabel.builders": "annotations errors lazy",
    "prelabel.sdk": "annotations builders errors messages",
    "prelabel.validation": "annotations errors messages sdk",
    "prelabel.spool": "errors printing private_files wire",
    "prelabel.publishing": "errors mapping messages printing spool stack_file tracing validation wire",
    "prelabel.mapping": "annotations builders errors messages text_input",
    "prelabel.readers": "annotations builders errors mapping text_input",
    "prelabel.serving": "errors mapping printing publishing validation",
    "prelabel.access_tokens": "errors printing",
    "prelabel.web_server": "errors",
    "prelabel.gateway": (
        "access_tokens annotations errors ids mapping messages printing publishing validation version web_server wire"
    ),
    "prelabel.bridges": "errors mapping messages private_files unix_time wire",
    "prelabel.testing": "errors mapping messages printing publishing validation",
    "prelabel.fiftyone": "errors readers",
    # what is imported into Labelbox
    "prelabel_worker": "",
    "prelabel_worker.amqp_url": "",
    "prelabel_worker.errors": "",
    "prelabel_worker.presence": "",
    "prelabel_worker.scripts": "",
    "prelabel_worker.ontology": "",
    "prelabel_worker.labelbox": "errors ontology redis_settings scripts",
    "prelabel_worker.redis_settings": "errors",
    "prelabel_worker.settings": "amqp_url errors labelbox redis_settings",
    "prelabel_worker.logs": "settings",
    "prelabel_worker.quarantine": "errors",
    "prelabel_worker.rendering": "ontology",
    "prelabel_worker.accounts": "labelbox presence quarantine scripts settings",
    "prelabel_worker.chunks": "errors labelbox quarantine rendering scripts settings",
    "prelabel_worker.dead_letters": "chunks quarantine rendering scripts",
    "prelabel_worker.tracing": "chunks",
    "prelabel_worker.stages": "accounts chunks dead_letters errors labelbox quarantine rendering settings tracing",
    "prelabel_worker.queries": "accounts chunks dead_letters errors labelbox presence quarantine rendering settings",
    "prelabel_worker.notify": "accounts labelbox presence quarantine queries scripts settings",
    "prelabel_worker.operations": (
        "accounts chunks dead_letters errors labelbox presence quarantine queries scripts settings"
    ),
    "prelabel_worker.setup": "accounts labelbox ontology",
    "prelabel_worker.runtime": (
        "accounts amqp_url chunks dead_letters errors labelbox logs notify presence quarantine scripts settings stages "
        "tracing"
    ),
    "prelabel_worker.celery": "runtime",
    "prelabel_worker.stack": "errors operations queries runtime",
    "prelabel_worker.doctor": (
        "accounts errors labelbox ontology presence quarantine queries rendering runtime scripts settings stack"
    ),
    "prelabel_worker.cli": (
        "accounts chunks dead_letters doctor errors labelbox logs notify ontology operations presence quarantine "
        "queries redis_settings rendering runtime settings setup stack"
    ),
    # the operators' web pages
    "prelabel_console": "",
    "prelabel_console.access": "",
    "prelabel_console.formats": "",
    "prelabel_console.attention": "audits",
    "prelabel_console.audits": "",
    "prelabel_console.charts": "",
    "prelabel_console.message_text": "",
    "prelabel_console.names": "",
    "prelabel_console.paging": "",
    "prelabel_console.snapshot": "",
    "prelabel_console.traffic": "charts",
    "prelabel_console.bulk": "message_text",
    "prelabel_console.dead": "bulk snapshot",
    "prelabel_console.news": "charts dead",
    "prelabel_console.console": "access audits dead names news snapshot",
    "prelabel_console.render": "access console formats",
    "prelabel_console.endpoints": "access console render",
    "prelabel_console.gate": "access render",
    "prelabel_console.pages": (
        "access attention bulk charts console endpoints gate message_text paging render traffic"
    ),
    "prelabel_console.routes": "endpoints pages",
    "prelabel_console.app": "console endpoints gate routes",
    "prelabel_console.server": "app console",
    "prelabel_console.start": "access console",
    # the local Labelbox
    "prelabel_sandbox": "",
    "prelabel_sandbox.connections": "",
    "prelabel_sandbox.errors": "",
    "prelabel_sandbox.ids": "",
    "prelabel_sandbox.local_only": "",
    "prelabel_sandbox.multipart": "",
    "prelabel_sandbox.origins": "local_only",
    "prelabel_sandbox.rate_limit": "",
    "prelabel_sandbox.requestlog": "",
    "prelabel_sandbox.settings": "",
    "prelabel_sandbox.normalized": "ids",
    "prelabel_sandbox.checks": "",
    "prelabel_sandbox.faults": "connections",
    "prelabel_sandbox.store": "checks ids",
    "prelabel_sandbox.exports": "checks ids",
    "prelabel_sandbox.jobs": "checks exports faults ids local_only settings store",
    "prelabel_sandbox.sandbox": "faults jobs rate_limit requestlog settings store",
    "prelabel_sandbox.resolvers": ("checks errors exports faults ids jobs multipart normalized sandbox settings store"),
    "prelabel_sandbox.pages": "checks local_only sandbox store",
    "prelabel_sandbox.http": (
        "checks connections errors faults local_only multipart normalized origins pages requestlog resolvers sandbox "
        "store"
    ),
    "prelabel_sandbox.__main__": "connections http local_only origins sandbox settings",
}
ROOMS = {name: {f"{name.split('.')[0]}.{other}" for other in allowed.split()} for name, allowed in MAY_IMPORT.items()}


def test_every_module_is_in_a_room_that_has_a_rule() -> None:
    assert {room(module) for module in MODULES} == set(MAY_IMPORT)


def test_the_rules_have_no_cycle() -> None:
    assert list(graphlib.TopologicalSorter(ROOMS).static_order()), "raises CycleError"


@pytest.mark.parametrize("name", MAY_IMPORT)
def test_a_folder_imports_all_that_its_rule_allows_and_nothing_else(name: str) -> None:
    root = name.split(".")[0]
    used = {
        room(module)
        for member, path in MODULES.items()
        if room(member) == name
        for module in modules_of(imports(path))
        if module.split(".")[0] == root
    }
    assert used - {name, root} == ROOMS[name]


def test_the_roots_import_each_other_in_one_direction() -> None:
    for package, others in (("prelabel", ("prelabel_worker", "prelabel_console", "prelabel_sandbox")),
                            ("prelabel_sandbox", ("prelabel", "prelabel_worker", "prelabel_console")),
                            ("prelabel_console", ("prelabel_sandbox",)),
                            ("prelabel_worker", ("prelabel_sandbox",))):  # fmt: skip
        for other in others:
            assert not {module for module in importers(other) if module.split(".")[0] == package}


def test_of_the_worker_only_the_command_that_serves_the_console_imports_it() -> None:
    users = {module for module in importers("prelabel_console") if module.split(".")[0] == "prelabel_worker"}
    assert users == {"prelabel_worker.cli.health.console"}


def test_the_worker_s_top_folder_holds_few_files() -> None:
    assert len(list((ROOT / "worker" / "prelabel_worker").glob("*.py"))) <= 8


def test_celery_is_known_to_the_runtime_only() -> None:
    for package in ("celery", "kombu", "billiard"):
        assert {room(module) for module in importers(package)} <= {"prelabel_worker.runtime"}


def test_labelbox_is_spoken_to_in_one_package() -> None:
    controls_the_sandbox = {"prelabel_worker.cli.local.demo", "prelabel_worker.cli.local.sandbox"}
    rest = {module for module in importers("httpx") if not module.startswith("prelabel_sandbox.")}
    # The receiver of notifications is no part of Labelbox: no client that has a key may ever be used for it.
    notifies = {"prelabel_worker.notify.webhook"}
    assert rest - controls_the_sandbox - notifies == {"prelabel_worker.labelbox.transport"}


def test_the_environment_is_read_in_the_settings_alone() -> None:
    readers = {
        module
        for module, path in MODULES.items()
        for node in ast.walk(SOURCES[path])
        if isinstance(node, ast.Attribute) and node.attr in ("environ", "getenv")
    }
    # A publisher asks for the one variable that it shares with the worker, and traces for one that every program with
    # traces knows. Of the worker,
    # settings.py leaves it to pydantic-settings, redis_settings.py reads two of them without; the others give it to
    # processes that they start, or ask for the editor.
    starters = {"stack.stack", "cli.local.worker", "cli.local.sandbox", "cli.dead.edit"}
    assert {module for module in readers if not module.startswith("prelabel_sandbox")} == {
        "prelabel.publishing.default_redis",
        "prelabel.tracing",
        *(f"prelabel_worker.{name}" for name in (*starters, "redis_settings")),
    }


PURE = {
    "chunks": "chunk rows commit sent_lines history held_rows held_state freshness",
    "dead_letters": "letter filter editing explain differences moments query",
    "labelbox": "types response_types errors responses retry_policy endpoint sent_request",
    "notify": "fact watch message",
    "ontology": "ontology tree classification_answers foreign_keys file inference",
    "operations": "overrides",
    "quarantine": "names",
    "queries": "metrics file_metrics flow_points histogram row_timeline",
    "rendering": "built_rows identity ndjson row_builder file_validation message_check",
    "runtime": "roles liveness",
    "stages": "build status_file",
}


@pytest.mark.parametrize("module", [f"{package}.{name}" for package, names in PURE.items() for name in names.split()])
def test_pure_modules_do_no_io(module: str) -> None:
    forbidden = {"redis", "httpx", "celery", "os", "socket", "threading", "structlog"}
    names = imports(MODULES[f"prelabel_worker.{module}"])
    assert not {name.split(".")[0] for name in names} & forbidden


@pytest.mark.parametrize(
    "module", ["attention", "charts", "formats", "message_text", "paging", "traffic", "access.hosts", "access.roles"]
)
def test_pure_modules_of_the_console_do_no_io(module: str) -> None:
    forbidden = {"redis", "httpx", "os", "socket", "threading", "structlog"}
    assert not {name.split(".")[0] for name in imports(MODULES[f"prelabel_console.{module}"])} & forbidden


def test_the_sdk_of_labelbox_is_known_to_one_package_which_is_loaded_on_demand() -> None:
    assert {room(module) for module in importers("labelbox")} == {"prelabel.sdk", "prelabel.validation"}
    of_types_only = {module for module in importers("labelbox") if room(module) != "prelabel.sdk"}
    assert of_types_only == {"prelabel.validation.gate"}
    assert {m for m in importers("prelabel.sdk") if room(m) != "prelabel.sdk"} == {"prelabel.validation.gate"}


def test_no_code_of_ours_imports_numpy() -> None:
    assert importers("numpy") | importers("PIL") == set()


def test_import_prelabel_loads_neither_celery_nor_httpx_nor_numpy() -> None:
    names = ("celery", "httpx", "numpy", "kombu", "labelbox", "prelabel.builders", "prelabel.sdk")
    code = f"import sys, prelabel; print([m for m in {names} if m in sys.modules])"
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert answer.stdout.strip() == "[]"


def test_a_publisher_is_imported_without_the_models_of_annotations() -> None:
    """They, and pydantic, take as long to load as redis-py; the first publisher that is made loads them."""
    loaded = "print('pydantic' in sys.modules, 'prelabel.validation.gate' in sys.modules)"
    code = f"import sys; from prelabel import AsyncPublisher, Publisher; {loaded}"
    code += f"; Publisher('unix:///nowhere').close(0); {loaded}"
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert answer.stdout.split() == ["False", "False", "True", "True"]


def test_a_script_s_name_occurs_in_one_folder_only() -> None:
    files = [file.name for folder in resources.files(scripts).iterdir() if folder.is_dir() for file in folder.iterdir()]
    assert sorted(files) == sorted(set(files))


@pytest.mark.parametrize("name", scripts.names())
def test_each_script_says_its_contract(name: str) -> None:
    (path,) = Path(scripts.__file__).parent.glob(f"*/{name}.lua")
    text = path.read_text("utf-8")
    header = [line for line in text.splitlines() if line.startswith("--")]
    assert any(line.startswith("-- KEYS[1]") for line in header)
    assert len(text.splitlines()) < 120


def test_tests_share_helpers_through_support_alone() -> None:
    trees = {path: ast.parse(path.read_text("utf-8")) for path in (ROOT / "tests").rglob("*.py")}
    sources = {
        (str(path.relative_to(ROOT)), node.module)
        for path, tree in trees.items()
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and node.module and node.module.startswith("tests.")
    }
    wrong = {(path, name) for path, name in sources if name.rpartition(".")[2].startswith(("test_", "conftest"))}
    assert wrong == set()
