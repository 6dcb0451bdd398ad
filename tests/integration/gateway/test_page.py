"""The commands with curl on the page about publishing over HTTP do what it says."""

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest
import redis

from tests.support.gateway import TOKEN, RunningGateway
from tests.support.publishing import waiting
from tests.support.sources import ROOT

PAGE = (ROOT / "docs/how-to/publish-over-http.md").read_text("utf-8")
COMMANDS = [block for block in re.findall(r"```sh\n(.*?)```", PAGE, re.DOTALL) if "curl" in block]


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not on this machine")
def test_the_commands_of_the_page_publish(
    gateway: RunningGateway, client: "redis.Redis", gate_prefix: str, tmp_path: Path
) -> None:
    url = gateway.url.replace("://", f"://any:{TOKEN}@")
    answers = []
    for block in COMMANDS:
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", block], env={"PRELABEL_GATEWAY_URL": url, "PATH": "/usr/bin:/bin"},
            capture_output=True, text=True, timeout=60, check=False, cwd=tmp_path,
        )  # fmt: skip
        assert done.returncode == 0, done.stdout + done.stderr
        answers.append(json.loads(done.stdout)["accepted"])

    assert answers == [1, 3, 1]
    assert len(waiting(client, gate_prefix, "demo-project")) == 5
