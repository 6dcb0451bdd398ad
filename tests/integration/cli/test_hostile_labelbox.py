"""Commands escape hostile names that come from Labelbox."""

import json
from pathlib import Path

import pytest

from tests.support.hostile_text import EVIL, raw_controls
from tests.support.workplace import Workplace, place, running

__all__ = ["place", "running"]


@pytest.mark.parametrize("as_json", [(), ("--json",)])
def test_set_up_commands_print_nothing_of_labelbox_that_a_terminal_obeys(
    place: Workplace, tmp_path: Path, as_json: tuple[str, ...]
) -> None:
    options = [{"value": EVIL, "label": EVIL}]
    classification = {"type": "radio", "name": EVIL, "instructions": EVIL, "options": options}
    file = tmp_path / "ontology.json"
    file.write_text(json.dumps({"tools": [{"tool": "rectangle", "name": EVIL}], "classifications": [classification]}))
    made = place.invoke("ontology", "create", file, "--name", EVIL, "--media-type", "IMAGE", "--json")
    ontology = json.loads(made.stdout)["id"]
    project = place.invoke("project", "create", "--name", EVIL, "--ontology", ontology, *as_json)

    shown = [
        made,
        project,
        place.invoke("ontology", "list", *as_json),
        place.invoke("ontology", "show", ontology, *as_json),
        place.invoke("ontology", "show", EVIL, *as_json),
    ]

    assert [each.exit_code for each in shown] == [0, 0, 0, 0, 3]
    assert [raw_controls(each.output) for each in shown] == [set()] * 5
    assert "\\x1b[31mred" in shown[3].output or "\\u001b[31mred" in shown[3].output
