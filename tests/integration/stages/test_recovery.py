"""Uploads whose fate is unknown, imports that are slow, stuck or doubled, defects of ours: nothing lost or twice."""

import json
import os
import signal
import socket
import subprocess
import sys
import threading

import httpx
import orjson
import pytest

from prelabel.publishing.buffer import Row
from prelabel_worker.chunks import history
from prelabel_worker.chunks.chunk import Defect, State
from prelabel_worker.chunks.rows import Slice
from prelabel_worker.labelbox.retry_policy import FEW
from prelabel_worker.queries.imports import Imports
from prelabel_worker.queries.row_trace import Tracer
from prelabel_worker.stages.poll import poll
from tests.support.media_examples import FOLDER, ONTOLOGY
from tests.support.project import Project, message
from tests.support.rig import MakeRig, Rig, car
from tests.support.waiting import wait_for

DAY = 24 * 3600


@pytest.fixture
def rig(make_rig: MakeRig) -> Rig:
    found = make_rig()
    found.warm()
    return found


def name_twice(rig: Rig, mode: str) -> None:
    rig.sandbox.control("POST", "/settings", {"duplicateNames": mode})


@pytest.mark.parametrize("mode", ["refuse", "newest", "oldest"])
def test_an_upload_that_was_accepted_and_not_answered_is_adopted_whatever_a_second_one_would_do(
    rig: Rig, mode: str
) -> None:
    name_twice(rig, mode)
    rig.fault("accept-then-time-out", cut=True)
    rig.publish("a", "b")

    assert rig.settle().imported == 3
    assert rig.creates() == 2
    assert rig.pre_labels() == ["a", "b", "warm"]


@pytest.mark.parametrize(("mode", "followed"), [("newest", "second"), ("oldest", "first")])
def test_a_file_that_labelbox_took_twice_is_settled_by_the_import_that_it_answers(
    rig: Rig, mode: str, followed: str
) -> None:
    name_twice(rig, mode)
    rig.fault("stuck-running", seconds=60)
    rig.publish("a")
    rig.run(rig.runs, "the import to run")
    first = rig.fields()["importId"]
    if mode == "oldest":
        rig.change(state="waiting", importId="", due=1)
        rig.run(lambda: rig.fields().get("importId", first) not in ("", first), "the same file to be sent again")
    else:
        found = rig.sandbox.find(rig.project.id, rig.fields()["name"])
        content = httpx.get(found["inputFileUrl"]).content
        rig.sandbox.upload(rig.project.id, rig.fields()["name"], content)  # as a first upload that arrives late
    rig.run(lambda: rig.events("import.doubled"), "the second import to be seen")
    rig.run(lambda: rig.fields()["importId"] == rig.events("import.doubled")[0]["other_id"], "it to be followed")
    assert (rig.fields()["importId"] == first) == (followed == "first")
    rig.fix()

    status = rig.settle()

    assert (status.imported, status.dead) == (2, 0)
    assert rig.pre_labels() == ["a", "warm"]
    assert len(rig.events("import.doubled")) == 1


def test_a_name_that_is_refused_and_never_found_does_not_block_its_project(rig: Rig) -> None:
    rig.fault("graphql-error", code="RESOURCE_CONFLICT", operations="create", times=FEW)
    rig.publish("a", "b")

    assert rig.settle().imported == 3
    assert rig.creates() == 1 + FEW + 2


def test_a_429_costs_a_chunk_no_attempt(rig: Rig) -> None:
    rig.fault("429", operations="create", times=2 * FEW)
    rig.publish("a", "b")
    for refused in range(1, 1 + 2 * FEW):
        rig.run(lambda refused=refused: len(rig.decisions()) == refused, f"upload {refused} to be refused")
        rig.pass_time()

    assert rig.settle().imported == 3
    assert rig.creates() == 2 + 2 * FEW  # never cut in two


def test_one_poisoned_import_does_not_hold_up_the_others_of_a_poll(make_rig: MakeRig) -> None:
    rigs = [make_rig() for _ in range(3)]
    for each in rigs:
        each.fault("stuck-running", seconds=60)
        each.publish("a")
        each.run(each.runs, "the import to run")
    for each in rigs:
        each.fix()
    poisoned = rigs[1]
    poisoned.fault("graphql-error", operations="query", seconds=60)

    together = [(each.project.id, each.chunks()[0]) for each in rigs]
    poll(rigs[0].context, together)
    assert [each.fields()["failures"] for each in rigs] == ["1", "1", "1"]
    for each in rigs:
        each.pass_time()
    poll(rigs[0].context, together)
    assert [each.status().imported for each in rigs] == [1, 0, 1]
    assert poisoned.status().pending == 1
    poisoned.fix()
    poisoned.run(lambda: poisoned.status().imported == 1, "it to be settled when it can be asked for")


def test_polls_that_get_no_sensible_answer_pause_the_account_and_end_no_import(rig: Rig) -> None:
    rig.fault("not-json", operations="query", seconds=60)
    rig.publish("a")
    rig.run(rig.account_paused, "the account to pause")

    assert rig.decisions() == [("Garbled", "later")] * FEW + [("Garbled", "pause")]
    assert len(rig.events("uploads.paused")) == 1
    rig.fix()
    assert rig.settle().imported == 2
    assert rig.creates() == 2


def test_an_import_that_can_never_be_asked_for_ends_when_its_verdicts_cannot_exist_any_more(rig: Rig) -> None:
    rig.fault("graphql-error", operations="query", seconds=60)
    rig.publish("a")
    rig.run(rig.runs, "the import to run")
    rig.age(rig.settings.import_deadline_seconds + 1)
    rig.run(lambda: len(rig.decisions()) > 2, "it to be asked for")
    assert rig.status().pending == 1
    rig.age(DAY)

    assert rig.settle().dead_reasons == {"import-timeout": 1}
    rig.fix()
    rig.publish("b")
    assert rig.settle().imported == 2


def test_one_look_up_that_finds_nothing_is_no_proof(rig: Rig) -> None:
    rig.fault("stuck-running", seconds=60)
    rig.publish("a")
    rig.run(rig.runs, "the import to run")
    rig.age(rig.settings.server_limit_seconds)
    rig.fault("graphql-error", code="RESOURCE_NOT_FOUND", operations="query", times=FEW - 1)
    rig.run(lambda: rig.fields().get("misses") == str(FEW - 1), "it to be missed")
    rig.run(lambda: rig.fields().get("misses") == "0", "it to be found again")
    rig.fix()

    assert rig.settle().imported == 2


def test_verdicts_that_are_lost_twice_end_in_dead_letters(rig: Rig) -> None:
    rig.fault("file-status", status=404, seconds=60)
    rig.publish("a")

    assert rig.settle().dead_reasons == {"no-verdict": 1}
    assert rig.creates() == 1 + 2
    assert len(rig.events("verdicts.lost")) == 2


def test_a_row_with_a_line_without_uuid_is_never_sent_again_by_itself(make_rig: MakeRig) -> None:
    """Labelbox would take the line for another annotation."""
    rig = make_rig()
    rig.sandbox.project(rig.project.id, ONTOLOGY, mediaType="AUDIO")
    spoken = {**orjson.loads((FOLDER / "audio.ndjson").read_bytes()), "projectId": rig.project.id}
    rig.fault("lost-status-lines", every=1)
    rig.project.publish(Row(f"k:{spoken['dataRow']['globalKey']}", orjson.dumps(spoken), 0))

    assert rig.settle().dead_reasons == {"no-verdict": 1}
    assert rig.creates() == 1


# -- a defect of ours --------------------------------------------------------------------------------------------------


def test_a_defect_in_settle_waits_with_a_growing_backoff_and_loses_nothing(rig: Rig) -> None:
    rig.fault("stuck-running", seconds=60)
    rig.publish("a")
    rig.run(rig.runs, "the import to run")
    sent = f"{rig.project.root}:chunk:{rig.chunks()[0]}:sent"
    kept = rig.client.getset(sent, b"\0\0")
    rig.fix()
    rig.run(lambda: len(rig.events("stage.broken")) == 2, "the defect to show")

    assert rig.fields()["failures"] == "2"
    assert rig.fields()["state"] == "running"
    assert float(rig.fields()["due"]) >= float(rig.fields()["lease"])
    assert {each["stage"] for each in rig.events("stage.broken")} == {"settle"}
    rig.client.set(sent, kept)
    assert rig.settle().imported == 2


def test_a_defect_in_submit_leaves_the_chunk_to_the_next(rig: Rig) -> None:
    ontology = f"{rig.project.root}:ontology"
    kept = rig.client.hget(ontology, "fetchedMs")
    rig.client.hset(ontology, "fetchedMs", b"{")
    rig.publish("a")
    rig.run(lambda: rig.events("stage.broken"), "the defect to show")

    assert rig.fields()["state"] == "open"
    rig.client.hset(ontology, "fetchedMs", kept)
    assert rig.settle().imported == 2


@pytest.mark.parametrize("kept", [b"{", b"[1]", b'{"tools": [5]}', b"\xff"])
def test_a_kept_ontology_that_is_none_is_fetched_anew(rig: Rig, kept: bytes) -> None:
    """An earlier release stored Labelbox's answer without checking it."""
    rig.client.hset(f"{rig.project.root}:ontology", "normalized", kept)
    rig.publish("a")

    assert rig.settle().imported == 2
    assert not rig.events("stage.broken")


def test_after_a_defect_while_a_file_was_sent_it_is_looked_up_as_after_a_crash(project: Project) -> None:
    project.publish(message("a"))
    chunk = project.take(project.cut())
    project.send(chunk)
    key = f"{project.root}:chunk:{chunk.id}"
    lease = project.client.hget(key, "lease")

    project.ledger.rest(chunk, 0, Defect(1, "submit: KeyError", stuck=False))

    assert project.client.hget(key, "lease") == lease  # the old holder may still be sending
    assert project.ledger.take(project.id, chunk.id, "submit") is None
    project.client.hset(key, mapping={"lease": 5, "due": 1})
    taken = project.take(chunk.id)
    assert taken.state is State.UNCERTAIN
    assert taken.maybe_until_ms == 5 + project.settings.server_limit_seconds * 1000


def test_a_chunk_that_is_anothers_is_not_put_to_rest(project: Project) -> None:
    project.publish(message("a"))
    chunk = project.take(project.cut())
    project.client.hset(f"{project.root}:chunk:{chunk.id}", mapping={"lease": 1, "due": 1})
    project.take(chunk.id)

    project.ledger.rest(chunk, 3600, Defect(1, "submit: KeyError", stuck=False))

    assert project.client.hget(f"{project.root}:chunk:{chunk.id}", "due") == b"1"


# -- a worker that is stopped in the middle of an upload ---------------------------------------------------------------


class SlowLine:
    """A network between a worker and Labelbox that stands still after some bytes, until it is let go."""

    def __init__(self, url: str, still_after: int) -> None:
        self._to = httpx.URL(url)
        self._still_after = still_after
        self.still, self.go = threading.Event(), threading.Event()
        self.passed = 0
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}/graphql"
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        client, _ = self._listener.accept()
        with client, socket.create_connection((self._to.host, self._to.port or 80)) as server:
            while piece := client.recv(65536):
                server.sendall(piece)
                self.passed += len(piece)
                if self.passed > self._still_after:
                    self.still.set()
                    self.go.wait(30)

    def close(self) -> None:
        self._thread.join(20)
        self._listener.close()


SUBMIT_ONE = """
import sys
from prelabel_worker.logs import set_up
from prelabel_worker.runtime.clients import Runtime
from prelabel_worker.settings import load_settings
from prelabel_worker.stages.submit import submit
settings = load_settings()
set_up(settings)
submit(Runtime(settings, lambda *hint: None).context(), sys.argv[1], sys.argv[2])
"""


def test_a_worker_that_is_stopped_while_it_uploads_cannot_finish_a_forgotten_upload(
    make_rig: MakeRig, redis_url: str, prefix: str
) -> None:
    rig = make_rig(chunk_rows=20_000)
    rig.warm()
    rows = [f"{'x' * 180}{n}" for n in range(10_000)]
    rig.project.publish(*(car(rig.project.id, key) for key in rows))
    name = rig.project.cut()
    line = SlowLine(rig.sandbox.url, 200_000)
    environment = {
        **os.environ,
        "PRELABEL_REDIS_URL": redis_url,
        "PRELABEL_KEY_PREFIX": prefix,
        "PRELABEL_LABELBOX_ENDPOINT": line.url,
        "PRELABEL_LABELBOX_API_KEY": "a-key",
        "PRELABEL_LEASE_SECONDS": "1",
        "PRELABEL_LOG_FORMAT": "json",
    }
    command = [sys.executable, "-c", SUBMIT_ONE, rig.project.id, name]
    with subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True) as worker:
        assert line.still.wait(30)
        os.kill(worker.pid, signal.SIGSTOP)
        wait_for(lambda: float(rig.fields()["lease"]) < now_ms(rig), "the lease to run out")
        chunk = rig.project.take(name)
        assert chunk.state is State.UNCERTAIN
        line.go.set()
        os.kill(worker.pid, signal.SIGCONT)
        _, printed = worker.communicate(timeout=30)
    line.close()

    assert [json.loads(each)["event"] for each in printed.splitlines()] == ["lease.lost"]
    assert line.passed > 3_000_000  # everything but the last piece
    assert rig.creates() == 1  # nothing was there to be executed
    rig.project.ledger.uncertain(chunk, 0, why="taken over", sent_now=False)
    status = rig.settle()
    assert (status.imported, status.dead) == (1 + len(rows), 0)
    assert rig.creates() == 2
    assert rig.pre_labels() == sorted(["warm", *rows])


def now_ms(rig: Rig) -> float:
    seconds, micros = rig.client.time()
    return float(seconds * 1000 + micros / 1000)


def test_a_row_of_which_the_status_file_says_nothing_supersedes_older_dead_letters(rig: Rig) -> None:
    """The newer one may be in Labelbox, so a retry of the older one must not come after it."""
    rig.fault("row-failure", match="a", error="GeometryInvalid")
    rig.publish("a")
    assert rig.settle().dead == 1
    rig.fault("lost-status-lines", every=1)
    rig.publish("a")

    rig.run(lambda: rig.status().retrying == 1, "the newer row to wait for being sent again")

    assert rig.dead_letter().superseded


@pytest.mark.parametrize("release", ["this", "previous"])
def test_a_settle_that_another_worker_began_is_finished_with_the_outcomes_of_both(
    rig: Rig, release: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("prelabel_worker.stages.poll._SETTLED_HERE_ROWS", 0)  # as if the import were a large one
    rig.fault("row-failure", seconds=60, match="spoilt")
    keys = [*(f"k{n}" for n in range(9)), "spoilt"]
    rig.publish(*keys)
    rig.run(lambda: rig.runs() and "verdict" in rig.fields(), "the import to end")
    (chunk_id,) = rig.chunks()
    rig.change(lease=0, due=1)
    chunk = rig.project.take(chunk_id, "follow")
    rows = rig.project.rows(chunk)
    bad = next(row.index for row in rows if b"spoilt" in row.raw)
    first = Slice(bad + 1, bad, [rig.project.holding(rows[bad])], forms={"k"})
    outcomes = ["imported"] * bad * (release == "previous") + ["refused"]  # only a previous release names all rows
    sent = rig.context.reader.sent_lines(chunk)
    for position, outcome in zip(range(bad + 1)[-len(outcomes) :], outcomes, strict=True):
        arrival = history.arrivals(chunk.items)[position]
        first.entries.append(history.entry(arrival, outcome, sent.trace(position)))
    rig.project.ledger.commit_rows(chunk, 0, first, finish=False)

    assert bad + 1 < len(keys)  # else there is nothing to finish

    rig.change(lease=0, due=1)
    status = rig.settle()

    assert (status.imported, status.dead) == (1 + 9, 1)
    settled = Imports(rig.client, rig.settings.key_prefix).find(rig.project.id, chunk_id)
    assert settled is not None
    assert settled.outcomes == {"imported": 9, "refused": 1}
    tracer = Tracer(rig.client, rig.settings.key_prefix)
    for key in keys:
        found = [row.row.outcome for row in tracer.trace(rig.project.id, key).settled]
        assert found == ["refused" if key == "spoilt" else "imported"]
