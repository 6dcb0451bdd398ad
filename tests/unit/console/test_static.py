"""The files that browsers load: the sandbox's stylesheet, nothing from elsewhere, no build step."""

import re
from pathlib import Path

import pytest

from tests.support.sources import ROOT

STATIC = ROOT / "worker/prelabel_console/static"
SANDBOX = ROOT / "sandbox/prelabel_sandbox/pages/static"
TEMPLATES = sorted((ROOT / "worker/prelabel_console/templates").glob("*.html"))


@pytest.mark.parametrize("name", ["pages.css", "icon.svg"])
def test_the_pages_have_the_look_of_the_sandbox_s(name: str) -> None:
    assert (STATIC / name).read_bytes() == (SANDBOX / name).read_bytes(), f"copy {name} from the sandbox's pages"


@pytest.mark.parametrize("path", sorted(STATIC.iterdir()), ids=lambda path: path.name)
def test_a_file_names_no_other_host(path: Path) -> None:
    text = path.read_text("utf-8").replace("http://www.w3.org/2000/svg", "")

    assert not re.search(r"(?:https?:)?//\w+\.\w", re.sub(r"^\s*//.*$|/\*.*?\*/", "", text, flags=re.M | re.S))


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: path.name)
def test_a_template_has_no_script_or_style_of_its_own(path: Path) -> None:
    """The policy of the pages would not run them."""
    text = path.read_text("utf-8")

    assert not re.search(r"<style|\sstyle=|\son\w+=|<script(?! src=\"/static/)|\|safe\b|autoescape", text)
