"""`prelabel demo`: its audit balances, it shows one dead letter, and the commands that it prints work."""

import json
import re
import shlex
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx

from tests.support.flow import COMMAND, run_in
from tests.support.waiting import wait_for


def printed_commands(output: str) -> list[list[str]]:
    """Return the words after `prelabel` in each line that a person is to type."""
    return [shlex.split(line)[1:] for line in re.findall(r"^  (prelabel .+)", output, re.M)]


@dataclass
class Running:
    """Start a command that runs a stack until it is interrupted."""

    process: "subprocess.Popen[bytes]"
    file: Path

    def output(self) -> str:
        return self.file.read_text("utf-8")


@contextmanager
def running(folder: Path, *words: str) -> Iterator[Running]:
    """Run a command until it has printed how to end it, and interrupt it afterwards."""
    file = folder / "output"
    with file.open("wb") as output:
        process = subprocess.Popen([*COMMAND, *words], cwd=folder, stdout=output)
    found = Running(process, file)
    try:
        wait_for(lambda: "Ctrl-C stops everything." in found.output(), "the last line", 90)
        yield found
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(60)


def test_the_demo_balances(tmp_path: Path) -> None:
    """The folder has an odd name, and the proxy of the environment cannot reach the loopback."""
    folder = tmp_path / "a folder with spaces"
    folder.mkdir()
    done = run_in(folder, "demo", "--rows", "1500", HTTP_PROXY="http://127.0.0.1:1", http_proxy="http://127.0.0.1:1")

    assert done.returncode == 0, done.stderr + done.stdout
    assert done.stdout.count("balances") == 3
    assert re.search(r"prelabel dead retry \d+ --project demo-", done.stdout)
    assert "3 messages were refused at publish" in done.stdout
    assert re.search(r"^ +field +annotations\[0\]\.name *$", done.stdout, re.M)
    assert re.search(r"^ +found +'vesel' *$", done.stdout, re.M)
    assert re.search(r"^ +suggestion +did you mean vessel\? *$", done.stdout, re.M)
    assert "rows have an outcome" in done.stdout
    up, *commands = printed_commands(done.stdout)
    assert up == ["up", "--data", "demo"]
    with running(folder, *up):
        assert [run_in(folder, *words).returncode for words in commands] == [0] * 4
        assert run_in(folder, "wait", "--timeout", "60").returncode == 1  # the other dead letters
        row = run_in(folder, *commands[2], "--json")
    assert [each["outcome"] for each in json.loads(row.stdout)["rows"][0]["settled"]] == ["imported", "unknown-feature"]


def test_the_demo_keeps_everything_running_if_it_is_told_to(tmp_path: Path) -> None:
    with running(tmp_path, "demo", "--rows", "400", "--keep") as demo:
        (page,) = re.findall(r"What a labeler would see: (\S+)", demo.output())
        (retry,) = [words for words in printed_commands(demo.output()) if words[:2] == ["dead", "retry"]]
        found = httpx.get(page, timeout=30, trust_env=False)
        done = run_in(tmp_path, *retry)

    assert found.status_code == 200
    assert (done.returncode, done.stderr) == (0, "")
    assert demo.process.returncode == 0
    assert not (tmp_path / ".prelabel" / "stack.json").exists()
