"""Run all operations, or write the tables."""

import json
import subprocess
import sys
import tempfile
import traceback
import warnings
from pathlib import Path
from typing import Any

# In this order: most operations need what was made before.
from tests.sandbox.sdk import (  # noqa: F401
    differing,
    step1_data_rows,
    step2_projects,
    step4_batches,
    step6_imports,
    steps_by_medium,
    trouble,
)
from tests.sandbox.sdk.session import OPERATIONS, session_at
from tests.support.sandbox.process import SandboxProcess

PAGE = Path(__file__).parents[3] / "docs/reference/conformance.md"
KEY = "the-key"


def run(url: str, key: str) -> None:
    """Run all operations, and print one line of JSON for each."""
    warnings.simplefilter("ignore")
    with tempfile.TemporaryDirectory() as folder:
        session = session_at(url, key, Path(folder))
        for name, function in OPERATIONS.items():
            row = {"operation": name, "passed": True, "version": session.lb.__version__}
            try:
                function(session)
            except Exception:
                row.update(passed=False, error=traceback.format_exc()[-2000:])
            sys.stdout.write(json.dumps(row) + "\n")
            sys.stdout.flush()


def rows() -> dict[str, dict[str, Any]]:
    """Run all operations in a process of their own against a new sandbox, and return the rows of the table."""
    sandbox = SandboxProcess(":memory:", "--requests-per-minute", "0", "--api-key", KEY)
    sandbox.http.headers["Authorization"] = f"Bearer {KEY}"
    sandbox.control("POST", "/settings", {"secondsPerImport": 0, "secondsPerTask": 0})
    command = [sys.executable, "-m", "tests.sandbox.sdk", sandbox.url, KEY]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
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
    if sys.argv[1:] == ["--table"]:
        page = between(PAGE.read_text("utf-8"), "operations", table(rows()))
        PAGE.write_text(between(page, "requests", differing.table()), "utf-8")
    else:
        run(*sys.argv[1:])
