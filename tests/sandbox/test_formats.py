"""Every example of docs/reference/labelbox-format.md: valid lines are taken, invalid ones refused, by media type.

data/examples.ndjson and data/invalid.ndjson hold the examples of that page; all use the ontology data/harbour.json.
"""

import secrets
from typing import Any

import pytest

from tests.support.sandbox.examples import EXAMPLES, HARBOUR, read
from tests.support.sandbox.process import SandboxProcess

INVALID = read("invalid")
MEDIA = sorted({each["media"] for each in INVALID})

# Of these docs/reference/labelbox-format.md says that nobody knows: a uuid beside timed text; tasks where nothing says
# that it is a chat.
OPEN = {"VCLS-2", "MMC-1", "MMC-2"}


@pytest.fixture(scope="module")
def projects(sandbox_process: SandboxProcess) -> dict[str, str]:
    """Create a project for each media type that accepts any data row."""
    made = {}
    for media in {each["media"] for each in EXAMPLES}:
        made[media] = f"c{secrets.token_hex(12)}"
        sandbox_process.project(made[media], HARBOUR, mediaType=media)
    return made


@pytest.mark.parametrize("strict", [False, True], ids=["lenient", "strict"])
@pytest.mark.parametrize("case", EXAMPLES, ids=[each["case"] for each in EXAMPLES])
def test_a_valid_example_is_accepted(
    sandbox: SandboxProcess, projects: dict[str, str], case: dict[str, Any], strict: bool
) -> None:
    sandbox.control("POST", "/settings", {"strictFormat": strict})
    statuses = sandbox.statuses(projects[case["media"]], f"{case['case']}-{strict}", case["lines"])
    taken = all(each["status"] == "SUCCESS" for each in statuses)
    assert taken is not (strict and case["case"] in OPEN), statuses


def asked(media: str) -> tuple[list[dict[str, Any]], list[dict[str, Any]], list[dict[str, Any]]]:
    """The invalid cases of a media type, each on a data row of its own; their lines, those beside them, the rows."""
    lines, beside, rows = [], [], []
    for number, case in enumerate(each for each in INVALID if each["media"] == media):
        key = f"row-{number}"
        row = {"dataRow": {"globalKey": key}} if case["line"].get("dataRow") == {"globalKey": "a"} else {}
        lines.append({**case["line"], **row})
        beside += [{**line, "dataRow": {"globalKey": key}} for line in case.get("beside", [])]
        rows.append({"globalKey": key, **case.get("asset", {})})
    return lines, beside, rows


@pytest.mark.parametrize("strict", [False, True], ids=["lenient", "strict"])
@pytest.mark.parametrize("media", MEDIA)
def test_every_invalid_example_is_refused_with_its_error_name(
    sandbox: SandboxProcess, project: str, media: str, strict: bool
) -> None:
    """All lines are in one import, which judges each separately. Lines that only deserve a warning are accepted."""
    lines, beside, rows = asked(media)
    sandbox.control("POST", "/settings", {"strictFormat": strict})
    sandbox.project(project, HARBOUR, rows, mediaType=media, editorTaskType=None)
    statuses = sandbox.statuses(project, "invalid", lines + beside)
    cases = [each for each in INVALID if each["media"] == media]
    for case, status in zip(cases, statuses, strict=False):
        error = status.get("errors", [{"name": None, "message": None}])[0]
        wanted = None if case.get("strictly") and not strict else case["error"]
        if wanted or not strict:
            assert error["name"] == wanted, (case["case"], error)
