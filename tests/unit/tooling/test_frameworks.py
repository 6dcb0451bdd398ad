"""The plan of `make frameworks`, and what is made of its report."""

from pathlib import Path

from tests.frameworks import __main__ as runner
from tests.frameworks.tools import ENVIRONMENTS, TOOLS

PROGRAMS = Path(runner.__file__).parent / "programs"


def test_every_program_is_a_tool_with_an_environment() -> None:
    assert {tool.name for tool in TOOLS} == {path.stem for path in PROGRAMS.glob("*.py")} - {"__init__"}
    assert {tool.environment for tool in TOOLS} == {environment.name for environment in ENVIRONMENTS}


def test_the_report_has_the_rows_of_what_ran_and_the_reasons_of_what_did_not() -> None:
    report = """<testsuites><testsuite>
        <testcase name="t[spacy]"><properties><property name="rows" value='[["spacy 3", "entities", 7, 3, 3]]'/>
        </properties></testcase>
        <testcase name="t[ray]"><failure message="AssertionError: no answer&#10;more"/></testcase>
        <testcase name="t[tesseract]"><skipped message="tesseract is not on this machine"/></testcase>
    </testsuite></testsuites>"""

    rows, failed, skipped = runner.read_report(report)

    assert rows == [["spacy 3", "entities", "7", "3", "3"]]
    assert failed == ["t[ray]: AssertionError: no answer"]
    assert skipped == ["t[tesseract]: tesseract is not on this machine"]
    assert runner.table(rows).splitlines()[-1] == "| spacy 3 | entities | 7 | 3 | 3 |"
