"""What a timer collects: the audit's verdict, and the spools of the publishers of a host."""

import time
from pathlib import Path

import pytest

from prelabel.spool.slots import take_slot
from tests.support.command import Command, command_of
from tests.support.project import Project, message
from tests.support.publishing import frame_of
from tests.support.scraping import samples


@pytest.fixture
def prelabel(
    project: Project, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> Command:
    return command_of(project.settings, monkeypatch, tmp_path, capsys)


def test_the_audit_prints_its_verdict_of_each_project_and_when_it_ran(prelabel: Command, project: Project) -> None:
    project.publish(message("a"))
    done = prelabel("audit", "--metrics")

    found = samples(done.out)
    assert done.code == 0
    assert found['prelabel_audit_balanced{project="p"}'] == 1
    assert found["prelabel_audit_timestamp_seconds"] == pytest.approx(time.time(), abs=60)

    project.client.hincrby(project.keys.counts, "published", 1)
    done = prelabel("audit", "--metrics")
    assert done.code == 1, "a timer sees it too"
    assert samples(done.out)['prelabel_audit_balanced{project="p"}'] == 0


def test_the_spools_of_a_host_are_summed_by_project(prelabel: Command, tmp_path: Path) -> None:
    for days_ago in (0.5, 0.1):
        slot = take_slot(tmp_path / "spool")
        slot.spool("p", 10**9).append([frame_of("a", days_ago=days_ago), frame_of("b")])

    done = prelabel("spool", "list", "spool", "--metrics")

    found = samples(done.out)
    assert done.code == 0
    assert found['prelabel_spool_rows{project="p"}'] == 4
    assert time.time() - found['prelabel_spool_oldest_timestamp_seconds{project="p"}'] == pytest.approx(43_200, abs=60)
    assert found['prelabel_spool_expired_rows{project="p"}'] == 0
    assert found['prelabel_spool_damaged_files{project="p"}'] == 0


def test_an_empty_spool_has_no_sample_and_is_no_failure(prelabel: Command, tmp_path: Path) -> None:
    (tmp_path / "spool").mkdir()

    done = prelabel("spool", "list", "spool", "--metrics")

    assert (done.code, samples(done.out)) == (0, {})
