"""The README's commands work as written, in the order in which a reader types them."""

import json
import os
import re
import signal
import subprocess
import sys
import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "README.md").read_text("utf-8")


def blocks(language: str, heading: str) -> list[str]:
    """Return the code blocks below a heading."""
    section = re.search(rf"^## {heading}\n(.*?)(?=^## |\Z)", PAGE, re.MULTILINE | re.DOTALL)
    assert section is not None, heading
    return re.findall(rf"```{language}\n(.*?)```", section[1], re.DOTALL)


def targets() -> set[str]:
    return set(re.findall(r"^([\w-]+):", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Make a folder that looks to these commands like a clone after `make install`."""
    (tmp_path / ".venv").symlink_to(sys.prefix)
    (tmp_path / "examples").symlink_to(ROOT / "examples")
    return tmp_path


@pytest.fixture
def shell(folder: Path, wait_for: Callable[..., None]) -> Iterator[Callable[[str], "subprocess.CompletedProcess[str]"]]:
    """Yield a function that runs a command in another terminal while the README's `prelabel up` runs."""
    install, up = blocks("sh", "Publish one message")[0].splitlines()
    assert install == "make install"
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PRELABEL_")}
    stack = subprocess.Popen(["bash", "-c", f"exec {up}"], cwd=folder, env=environment, stdout=subprocess.DEVNULL)
    try:
        wait_for((folder / ".prelabel" / "stack.json").exists, "the stack", 60)
        yield lambda line: subprocess.run(
            ["bash", "-c", line], cwd=folder, env=environment, capture_output=True, text=True, timeout=60, check=False
        )
    finally:
        stack.send_signal(signal.SIGINT)
        stack.wait(60)


def test_the_commands_of_the_page_work_in_their_order(
    shell: Callable[[str], "subprocess.CompletedProcess[str]"],
) -> None:
    _, *rest = blocks("sh", "Publish one message")
    lines = "".join(rest).splitlines()
    assert len(lines) == 9
    said = []

    for line in lines:
        done = shell(line)
        with_a_mistake = len(said) == 4  # the page says that this `wait` ends so
        assert done.returncode == (1 if with_a_mistake else 0), (line, done.stdout, done.stderr)
        said.append(done.stdout)

    assert "imported" in said[2]
    assert "unknown-feature" in said[5]
    assert "did you mean vessel?" in said[5]
    assert "imported" in said[8]


def test_its_python_is_the_example_that_it_names() -> None:
    (code,) = blocks("python", "Publish one message")

    assert code == (ROOT / "examples/publish_one.py").read_text("utf-8")
    assert code in PAGE


def test_its_other_commands_exist() -> None:
    assert blocks("sh", "Start it") == ["make demo\n"]
    assert {"demo", "install", "package", "chaos"} <= targets()
    version = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["version"]
    build, *installs = blocks("sh", "Install it")[0].splitlines()
    assert build == "make package"
    assert all(f"dist/prelabel-{version}-py3-none-any.whl" in line for line in installs)
    assert 'cp "$wheel" "$here/dist/"' in (ROOT / ".ci/package").read_text("utf-8")


def test_its_figures_are_those_that_were_measured() -> None:
    results = json.loads((ROOT / "benchmarks/results/full.json").read_text("utf-8"))
    drain = next(result for result in results if result["measure"] == "drain")
    chaos = (ROOT / "benchmarks/results/chaos.md").read_text("utf-8")

    assert f"{drain['ratio']:.0f} times as fast" in PAGE
    assert f"{drain['ours']:,.0f} rows a second instead of {drain['peer']:,.0f}" in PAGE
    assert "`make bench`" in PAGE
    for figure in ("1,018,583 messages", "122 kills", "lost 0, doubled 0", "`make chaos"):
        assert figure in chaos
    assert "1,018,583 messages with 122 kills" in PAGE
    assert "`make chaos`" in PAGE


def test_its_picture_is_small_and_there() -> None:
    (picture,) = re.findall(r"!\[[^\]]{20,}\]\(([^)]+)\)", PAGE)

    assert (ROOT / picture).stat().st_size < 150_000


def test_the_page_lists_five_next_steps() -> None:
    section = PAGE.partition("## Where to go next")[2]

    assert len(re.findall(r"^\d\. ", section, re.MULTILINE)) == 5
