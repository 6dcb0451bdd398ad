"""Malformed answers in real stages: they lead to an outcome or to a visible state."""

from collections.abc import Callable, Iterator
from pathlib import Path

import orjson
import pytest

from prelabel.wire.lanes import lane_of
from prelabel_worker.doctor.findings import Check, Level
from prelabel_worker.doctor.projects import findings, look
from prelabel_worker.labelbox import retry_policy
from prelabel_worker.operations.projects import Projects
from prelabel_worker.queries.imports import Imports
from prelabel_worker.queries.metrics import of_projects
from tests.support.command import command_of
from tests.support.forging import Forger
from tests.support.rig import MakeRig, Rig


@pytest.fixture
def forged(make_rig: MakeRig) -> Iterator[tuple[Rig, Forger]]:
    rig = make_rig()
    forger = Forger(rig.sandbox.url)
    rig.connect(f"{forger.url}/graphql")
    yield rig, forger
    forger.close()


def stuck(rig: Rig) -> None:
    """Work until a chunk is stuck; skip its waits."""

    def done() -> bool:
        rig.pass_time()
        return rig.status().stuck == 1

    rig.run(done, "a stuck chunk")


@pytest.mark.parametrize(
    "new",
    [b'"dataRow":5', b'"dataRow":[]', b'"errors":5,"dataRow":{}', b'"status":{},"dataRow":{}', b"]"],
    ids=["number", "list", "errors", "status", "no json"],
)
def test_a_status_line_that_cannot_be_read_costs_its_row_a_second_try(forged: tuple[Rig, Forger], new: bytes) -> None:
    """A row without a verdict is sent again once; the verdict of the other line counts."""
    rig, forger = forged
    spoilt: list[bytes] = []

    def forge(asked: bytes, answer: bytes) -> bytes:
        lines = answer.splitlines(keepends=True)
        if spoilt or asked or len(lines) != 2:
            return answer
        spoilt.append(lines[0])
        line = orjson.loads(lines[0])
        if new.startswith(b'"dataRow"'):
            line["uuid"] = "1" * 32  # of none that was sent: it is looked for by its data row
        del line["dataRow"]
        line.pop("status" if new.startswith(b'"status"') else "", None)
        return b"{%s,%s\n" % (new, orjson.dumps(line)[1:]) + lines[1]

    forger.forge = forge
    rig.publish("a", "b")

    status = rig.settle()

    assert (status.imported, status.dead) == (2, 0)
    assert rig.creates() == 2
    assert not rig.events("stage.broken")


@pytest.mark.parametrize(
    "address", ["https://" + "a" * 64 + ".example/", "https://a..b/", "https://%00/", "no address", "https://h:99999/"]
)
def test_a_file_address_that_is_none_ends_like_a_file_that_is_gone(forged: tuple[Rig, Forger], address: str) -> None:
    rig, forger = forged

    def forge(asked: bytes, answer: bytes) -> bytes:
        if b"statusFileUrl" not in answer:
            return answer
        data = orjson.loads(answer)
        for job in data["data"].values():
            if job and job["statusFileUrl"]:
                job["statusFileUrl"] = address
        return orjson.dumps(data)

    forger.forge = forge
    rig.publish("a")
    rig.run(lambda: bool(rig.events("verdicts.lost")), "the verdicts to be given up")
    forger.forge = lambda asked, answer: answer

    status = rig.settle()

    assert (status.imported, status.dead) == (1, 0)
    assert not rig.events("stage.broken")


ONTOLOGIES = {
    "ontology of text": lambda project: project | {"ontology": "abc"},
    "tools of numbers": lambda project: project | {"ontology": {"name": "o", "normalized": {"tools": [5]}}},
    "a list for the media type": lambda project: project | {"allowedMediaType": ["IMAGE"]},
}


@pytest.mark.parametrize("change", ONTOLOGIES.values(), ids=ONTOLOGIES.keys())
def test_an_ontology_that_is_none_makes_the_chunk_stuck_and_no_account_stopped(
    forged: tuple[Rig, Forger], change: Callable[[dict[str, object]], dict[str, object]]
) -> None:
    rig, forger = forged

    def forge(asked: bytes, answer: bytes) -> bytes:
        if b"ProjectOntology" not in asked:
            return answer
        return orjson.dumps({"data": {"project": change(orjson.loads(answer)["data"]["project"])}})

    forger.forge = forge
    rig.publish("a")
    stuck(rig)

    (event,) = rig.events("chunk.stuck")
    assert event["defect"].startswith("submit: UnexpectedShape: the answer is not as expected: Expected ")
    assert not rig.account_paused()
    assert not rig.project_paused()
    assert not rig.events("stage.broken")
    assert rig.status().pending == 1

    forger.forge = lambda asked, answer: answer
    assert Projects(rig.client, rig.settings.key_prefix).retry_stuck(rig.project.id) == 1
    assert rig.status().stuck == 0
    assert rig.settle().imported == 1


def test_an_import_that_is_none_makes_its_chunk_stuck_and_no_other(forged: tuple[Rig, Forger]) -> None:
    """Several imports are polled together: the one with the malformed answer is stuck, the others are settled."""
    rig, forger = forged
    rig.warm()

    def forge(asked: bytes, answer: bytes) -> bytes:
        if b"FindImports" not in asked:
            return answer
        names = orjson.loads(asked)["variables"]
        data = orjson.loads(answer)
        bad = {f"i{field[1:]}" for field, value in names.items() if spoilt and f"prelabel-{spoilt[0]}-" in value}
        return orjson.dumps({"data": data["data"] | {field: {"id": 5} for field in bad}})

    spoilt: list[str] = []
    forger.forge = forge
    rig.publish("a")
    rig.run(rig.runs, "an import that runs")
    spoilt += rig.chunks()
    rig.publish("b", "c")
    stuck(rig)
    rig.run(lambda: rig.status().pending == 1, "the others to be settled")

    (event,) = rig.events("chunk.stuck")
    assert (event["chunk"], event["defect"].split(": ")[:2]) == (spoilt[0], ["poll", "UnexpectedShape"])
    assert not rig.account_paused()
    spoilt.clear()
    assert rig.settle().imported == 4


def lane_of_key(key: str) -> int:
    return lane_of(f"k:{key}", 16)


def test_a_stuck_chunk_is_seen_and_takes_no_other_chunk_s_place(make_rig: MakeRig) -> None:
    """The project may have one chunk open: rows of other lanes are imported, those of its own wait."""
    rig = make_rig(open_chunks=1)
    rig.warm()
    rig.publish("a")
    rig.run(rig.runs, "an import that runs")
    (chunk,) = rig.chunks()
    sent = f"{rig.project.root}:chunk:{chunk}:sent"
    kept = rig.client.get(sent)
    rig.client.set(sent, b"\1")  # nothing of ours writes that: to read it is a defect
    stuck(rig)
    others = [f"b{n}" for n in range(40)]
    behind = [key for key in others if lane_of_key(key) == lane_of_key("a")]
    rig.publish(*others)
    rig.run(lambda: rig.status().pending == 1 + len(behind), "the rows of other lanes to be imported")

    assert behind
    (event,) = rig.events("chunk.stuck")
    assert event["defect"].startswith("settle: ValidationError at sent_lines.py:")
    client, prefix, project = rig.client, rig.settings.key_prefix, rig.project.id
    (open_chunk,) = Imports(client, prefix).open(project)
    assert (open_chunk.chunk_id, open_chunk.defect) == (chunk, event["defect"])
    assert open_chunk.as_json()["stuckAt"] is not None
    (seen,) = look(client, prefix, project) or []
    (finding,) = (each for each in findings(seen, 1, 60) if each.check is Check.STUCK)
    assert (finding.level, finding.found) == (Level.BAD, f"1 stuck, such as {chunk}: {event['defect']}")
    assert "prelabel import retry" in finding.remedy
    rows = {
        sample.labels["project"]: sample.value
        for metric in of_projects([rig.status()])
        if metric.name == "prelabel_stuck_chunks"
        for sample in metric.samples
    }
    assert rows == {project: 1.0}

    rig.client.set(sent, kept)
    rig.pass_time()
    status = rig.settle()
    assert (status.imported, status.stuck) == (42, 0)


def test_a_stage_that_does_what_it_is_for_ends_the_count_of_defects(make_rig: MakeRig) -> None:
    rig = make_rig()
    rig.warm()
    rig.publish("a")
    rig.run(rig.runs, "an import that runs")
    rig.change(defects=retry_policy.STUCK_AFTER - 1, defect="poll: KeyError", failures=3)
    rig.run(lambda: not rig.chunks() or "verdict" in rig.fields(), "the import to end")

    assert not rig.chunks() or (rig.fields()["defects"], rig.fields()["defect"]) == ("0", "")
    assert rig.settle().imported == 2
    assert not rig.events("chunk.stuck")


@pytest.mark.parametrize("cap", [0.5, 60, 3600])
def test_pauses_after_defects_grow_to_ten_minutes_or_the_settings_own_maximum(cap: float) -> None:
    waits = [retry_policy.defect_wait(count, 1, cap) for count in range(1, 200)]

    assert max(waits) <= max(600, cap)
    assert min(waits[20:]) >= max(600, cap) / 2
    assert max(waits[: retry_policy.STUCK_AFTER - 1]) <= cap


def test_the_command_tries_stuck_chunks_again_and_says_when_there_are_none(
    make_rig: MakeRig, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rig = make_rig()
    rig.warm()
    rig.publish("a")
    rig.run(rig.runs, "an import that runs")
    rig.change(defects=9, defect="poll: KeyError at poll.py:1", stuckMs=1)
    command = command_of(rig.settings, monkeypatch, tmp_path, capsys)

    assert "stuck: poll: KeyError at poll.py:1" in command("import", "list").out
    assert "1 stuck chunk: see doctor" in command("status").out
    assert command("project", "show", rig.project.id, "--json").json["stuckChunks"] == 1
    assert command("import", "retry").code in (0, None)
    assert command("import", "retry", "--project", rig.project.id).code == 3

    assert "stuckMs" not in rig.fields()
    assert rig.fields()["defects"] == "0"
