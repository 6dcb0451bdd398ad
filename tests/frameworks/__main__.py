"""Run tools for real and print what became of their outputs: `python -m tests.frameworks [NAME …] [--write]`.

A tool whose environment cannot be made here is named with the reason. `--write` puts the table on the page.
"""

import argparse
import json
import os
import subprocess
import sys
from xml.etree import ElementTree

from tests.frameworks.environments import FOLDER, ROOT, CannotInstall, make
from tests.frameworks.tools import ENVIRONMENTS, TOOLS, Tool

PAGE = ROOT / "docs/explanation/tested.md"
HEAD = ("tool", "what it made", "records", "messages", "imported")


def run(tools: list[Tool]) -> str:
    """Run the tests of these tools, and return pytest's report."""
    report = FOLDER / "report.xml"
    report.unlink(missing_ok=True)
    command = [sys.executable, "-m", "pytest", "tests/integration/frameworks", "-q"]
    command += ["-o", "junit_family=xunit1", f"--junitxml={report}"]  # only this family has properties
    names = {"PRELABEL_TOOLS": ",".join(tool.name for tool in tools)}
    subprocess.run(command, cwd=ROOT, env=os.environ | names, check=False)
    return report.read_text("utf-8")


def read_report(report: str) -> tuple[list[list[str]], list[str], list[str]]:
    """Return the rows of the table, what failed, and what was skipped."""
    rows: list[list[str]] = []
    reasons: dict[str, list[str]] = {"failure": [], "error": [], "skipped": []}
    for case in ElementTree.fromstring(report).iter("testcase"):
        for outcome, listed in reasons.items():
            for found in case.findall(outcome):
                listed.append(f"{case.get('name')}: {(found.get('message') or '').partition(chr(10))[0][:200]}")
        for found in case.findall("properties/property[@name='rows']"):
            rows += [[str(cell) for cell in row] for row in json.loads(found.get("value") or "[]")]
    return rows, reasons["failure"] + reasons["error"], reasons["skipped"]


def table(rows: list[list[str]]) -> str:
    """Return the rows as a table in Markdown."""
    lines = [HEAD, ["---"] * len(HEAD), *rows]
    return "\n".join(f"| {' | '.join(line)} |" if line[0] != "---" else "|---|---|--:|--:|--:|" for line in lines)


def between(page: str, name: str, text: str) -> str:
    """Return the page with another text between the marks of this name."""
    begin, end = f"<!-- {name} -->\n", f"\n<!-- end of {name} -->"
    before, _, rest = page.partition(begin)
    return before + begin + text + end + rest.partition(end)[2]


def main() -> int:
    """Make the environments, run the tests, and print the table; exit code 1 if a tool failed."""
    parser = argparse.ArgumentParser(prog="python -m tests.frameworks")
    parser.add_argument("names", nargs="*", metavar="NAME", help="tools; all of them without a name")
    parser.add_argument("--write", action="store_true", help=f"put the table on {PAGE.relative_to(ROOT)}")
    given = parser.parse_args()
    unknown = set(given.names) - {tool.name for tool in TOOLS}
    if unknown:
        parser.error(f"no tool is called {', '.join(sorted(unknown))}; there are {', '.join(t.name for t in TOOLS)}")
    chosen = [tool for tool in TOOLS if not given.names or tool.name in given.names]
    cannot: dict[str, str] = {}
    for environment in ENVIRONMENTS:
        if any(tool.environment == environment.name for tool in chosen):
            print(f"environment {environment.name}: {', '.join(environment.packages)}", flush=True)
            try:
                make(environment)
            except CannotInstall as error:
                cannot[environment.name] = str(error)
    able = [tool for tool in chosen if tool.environment not in cannot]
    rows, failed, skipped = read_report(run(able)) if able else ([], [], [])
    failed += [f"{tool.name}: {cannot[tool.environment]}" for tool in chosen if tool.environment in cannot]
    lines = [*(f"FAILED: {each}" for each in failed), *(f"SKIPPED: {each}" for each in skipped)]
    print(table(rows), *lines, sep="\n")
    if given.write:
        PAGE.write_text(between(PAGE.read_text("utf-8"), "tools", table(rows)), "utf-8")
    return int(bool(failed))


if __name__ == "__main__":
    sys.exit(main())
