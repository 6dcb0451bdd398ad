"""The reference of the Python API has everything that users import, with its docstring."""

import re
from importlib import import_module

import pytest

from tests.support.documentation import ROOT

PAGE = (ROOT / "docs/reference/python-api.md").read_text("utf-8")
SECTIONS = dict(re.findall(r"^## ([\w.]+)\n(.*?)(?=^## |\Z)", PAGE, re.DOTALL | re.MULTILINE))


@pytest.mark.parametrize(
    "module", ["prelabel", "prelabel.builders", "prelabel.readers", "prelabel.fiftyone", "prelabel.testing"]
)
def test_every_public_name_has_an_entry(module: str) -> None:
    entries = set(re.findall(r"^####? (\w+)$", SECTIONS[module], re.MULTILINE))

    assert set(getattr(import_module(module), "__all__", ["recording_publisher"])) <= entries


def test_an_entry_has_the_signature_with_values_for_defaults_and_the_arguments_as_a_list() -> None:
    publisher = SECTIONS["prelabel"].partition("#### Publisher\n")[2].partition("\n#### ")[0]

    assert "    key_prefix: str = 'prelabel',\n" in publisher
    assert "\n- `spool_dir`: a folder on a local disk" in publisher
    assert "\nPublisher.flush(timeout: float | None = None)\n" in publisher


def test_a_citation_of_a_page_is_a_link() -> None:
    assert "(labelbox-format.md#2-6)" in SECTIONS["prelabel"]
    assert "docs/" not in re.sub(r"\]\([^)]*\)", "", PAGE)
