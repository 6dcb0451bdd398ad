"""Write the tables of docs/reference/conformance.md: `python -m tests.sandbox.sdk`."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from tests.sandbox.sdk import differing
from tests.support.sandbox.process import SandboxProcess

ROOT = Path(__file__).parents[3]
PAGE = ROOT / "docs/reference/conformance.md"
KEY = "the-key"


def rows(python: str = sys.executable) -> dict[str, dict[str, Any]]:
    """Run all operations with the SDK of a Python against a new sandbox, and return the rows of the table."""
    sandbox = SandboxProcess(":memory:", "--requests-per-minute", "0", "--api-key", KEY)
    sandbox.http.headers["Authorization"] = f"Bearer {KEY}"
    sandbox.control("POST", "/settings", {"secondsPerImport": 0, "secondsPerTask": 0})
    command = [python, "-m", "tests.sandbox.sdk.run", sandbox.url, KEY]
    try:
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    finally:
        sandbox.stop()
    found = [json.loads(line) for line in done.stdout.splitlines()]
    assert found, done.stderr
    return {row["operation"]: row for row in found}


def table(found: dict[str, dict[str, Any]]) -> str:
    lines = ["| operation | result | SDK |", "|---|---|---|"]
    lines += [f"| {name} | {'pass' if row['passed'] else 'FAIL'} | {row['version']} |" for name, row in found.items()]
    return "\n".join(lines)


def between(page: str, name: str, text: str) -> str:
    """Return the page with another text between the marks of this name."""
    begin, end = f"<!-- {name} -->\n", f"\n<!-- end of {name} -->"
    before, _, rest = page.partition(begin)
    return before + begin + text + end + rest.partition(end)[2]


if __name__ == "__main__":
    page = between(PAGE.read_text("utf-8"), "operations", table(rows()))
    PAGE.write_text(between(page, "requests", differing.table()), "utf-8")
