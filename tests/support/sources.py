"""The project's own sources, parsed, for tests of rules about source code."""

import ast
from pathlib import Path

ROOT = Path(__file__).parents[2]
ROOTS = {
    "prelabel": "producers",
    "prelabel_worker": "worker",
    "prelabel_console": "worker",
    "prelabel_sandbox": "sandbox",
}
SOURCES = {
    path: ast.parse(path.read_text("utf-8"))
    for package, root in ROOTS.items()
    for path in sorted((ROOT / root / package).rglob("*.py"))
}
