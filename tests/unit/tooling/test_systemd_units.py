"""The systemd units: systemd accepts them, each rule sees what it is for, and their shell lines do what they say."""

import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from deploy import systemd_units
from tests.support.project import Project, message
from tests.support.sources import ROOT

UNITS = systemd_units.units(ROOT)
WORKER = "deploy/systemd/prelabel-worker.service"
PRELABEL = str(Path(sys.executable).with_name("prelabel"))


@pytest.mark.parametrize("file", UNITS)
def test_a_unit_keeps_every_rule(file: str) -> None:
    assert systemd_units.check(file, UNITS[file]) == []


def test_systemd_accepts_the_units() -> None:
    findings = systemd_units.verify(ROOT)
    if findings is None:
        pytest.skip("systemd-analyze is not on this machine")

    assert findings == []


@pytest.mark.parametrize(
    ("rule", "old", "new"),
    [
        ("known-flag", "--concurrency", "--processes"),
        ("no-secret-on-command-line", "worker --concurrency 2", "worker --api-key k3y"),
        ("known-setting", "PRELABEL_LABELBOX_API_KEY_FILE", "PRELABEL_API_KEY_FILE"),
        ("credential", "LoadCredential=notify-url:/etc/prelabel/notify-url\n", ""),
        ("warm-stop", "KillMode=mixed", "KillMode=control-group"),
        ("warm-stop", "TimeoutStopSec=90", "TimeoutStopSec=10"),
    ],
)
def test_a_broken_unit_is_found(rule: str, old: str, new: str) -> None:
    assert old in UNITS[WORKER]
    findings = systemd_units.check(WORKER, UNITS[WORKER].replace(old, new))

    assert rule in {finding.rule for finding in findings}


def test_systemd_refuses_a_broken_unit(tmp_path: Path) -> None:
    shutil.copytree(ROOT / systemd_units.FOLDER, tmp_path / systemd_units.FOLDER)
    unit = tmp_path / WORKER
    unit.write_text(unit.read_text("utf-8").replace("KillMode=mixed", "KillMode=gently"))
    findings = systemd_units.verify(tmp_path)
    if findings is None:
        pytest.skip("systemd-analyze is not on this machine")

    assert findings


def shell_line(name: str, folder: Path) -> list[str]:
    """Return the command of a unit as systemd would run it, with the collector's folder and our program."""
    (line,) = re.findall(r"^ExecStart=(.*)$", UNITS[f"deploy/systemd/{name}.service"], re.M)
    line = line.replace("/var/lib/prometheus/node-exporter", str(folder)).replace(systemd_units.PROGRAM, PRELABEL)
    return shlex.split(line.replace("$$", "$"))


@pytest.mark.parametrize("broken", [False, True])
def test_the_audit_s_verdict_is_left_for_the_collector_also_when_it_is_bad(
    project: Project, redis_url: str, tmp_path: Path, broken: bool
) -> None:
    project.publish(message("a"))
    if broken:
        project.client.hincrby(project.keys.counts, "published", 1)
    variables = {"PRELABEL_REDIS_URL": redis_url, "PRELABEL_KEY_PREFIX": project.settings.key_prefix, "PATH": "/bin"}

    done = subprocess.run(shell_line("prelabel-audit", tmp_path), env=variables, capture_output=True, check=False)

    assert done.returncode == broken
    assert [file.name for file in tmp_path.iterdir()] == ["prelabel-audit.prom"]
    verdict = (tmp_path / "prelabel-audit.prom").read_text()
    assert f'prelabel_audit_balanced{{project="p"}} {0 if broken else 1}.0' in verdict


def test_the_audit_leaves_the_last_verdict_where_redis_is_away(tmp_path: Path) -> None:
    (tmp_path / "prelabel-audit.prom").write_text("the last one")
    variables = {"PRELABEL_REDIS_URL": "redis://127.0.0.1:9/0", "PATH": "/bin"}

    done = subprocess.run(shell_line("prelabel-audit", tmp_path), env=variables, capture_output=True, check=False)

    assert done.returncode == 4
    assert (tmp_path / "prelabel-audit.prom").read_text() == "the last one"


def test_the_spool_of_a_host_is_left_for_the_collector(tmp_path: Path) -> None:
    (tmp_path / "spool").mkdir()
    variables = {"SPOOL_DIR": str(tmp_path / "spool"), "PATH": "/bin"}

    done = subprocess.run(shell_line("prelabel-spool", tmp_path), env=variables, capture_output=True, check=False)

    assert done.returncode == 0, done.stderr
    assert "# TYPE prelabel_spool_rows gauge" in (tmp_path / "prelabel-spool.prom").read_text()
