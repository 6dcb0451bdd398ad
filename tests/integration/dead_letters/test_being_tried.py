"""A held row that is being tried again stays retrying in every list and count until the try has an outcome."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import orjson
import pytest

from prelabel_worker.chunks.chunk import Chunk
from prelabel_worker.chunks.rows import RowOutcome
from prelabel_worker.operations.projects import Projects
from prelabel_worker.queries.audit import audit
from prelabel_worker.queries.metrics import of_projects
from prelabel_worker.queries.row_follower import Follower
from prelabel_worker.queries.row_report import ReportedRow, RowReport
from prelabel_worker.queries.row_trace import Tracer
from prelabel_worker.queries.status import Inspector, ProjectStatus
from prelabel_worker.scripts import Scripts
from tests.support.command import Command, command_of
from tests.support.dead_letters import check_indexes
from tests.support.project import Project, message
from tests.support.retrying import not_found, retry_for
from tests.support.rig import TOOLS, Rig
from tests.support.waiting import wait_for

PLACES = ("lane", "chunk", "import")


def command_for(
    project: Project, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> Command:
    return command_of(project.settings, monkeypatch, tmp_path, capsys)


@pytest.fixture
def prelabel(
    project: Project, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> Command:
    return command_for(project, monkeypatch, tmp_path, capsys)


@pytest.fixture
def rig_command(
    rig: Rig, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> Command:
    return command_for(rig.project, monkeypatch, tmp_path, capsys)


def status(project: Project) -> ProjectStatus:
    return Inspector(project.client, project.settings.key_prefix).status(project.id)


def retry(project: Project, *names: str) -> None:
    """Make rows that are retrying, each with a data row of its own."""
    project.publish(*map(message, names))
    while status(project).waiting:
        not_found(project)


def try_in(rig: Rig, place: str) -> None:
    """A held row is sent back to its lane, and perhaps on: into a chunk that is cut, into an import that runs."""
    if place == "lane":
        return
    if place == "import":
        rig.sandbox.control("POST", "/settings", {"secondsPerImport": 600.0})
    rig.run(lambda: bool(rig.chunks()), "a chunk")
    if place == "import":
        rig.run(rig.runs, "the import to run")


def miss(rig: Rig, key: str, hours: str) -> None:
    """Publish a row whose data row is missing, and wait until it is held: retrying for `hours`, or dead if 0."""
    rig.sandbox.project(rig.project.id, TOOLS, rows=["there"])
    Projects(rig.client, rig.settings.key_prefix).override(rig.project.id, {"retryHours": hours})
    rig.publish(key)
    rig.run(lambda: rig.status().retrying + rig.status().dead == 1, "the row to be held")


def send_back(rig: Rig) -> None:
    """Try the only held row again."""
    if rig.status().dead:
        rig.project.held.retry(rig.project.id, [rig.dead_letter().id])
    else:
        rig.project.held.retry_now(rig.project.id)


# -- what misses a data row --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("kind", ["retrying", "dead letter"])
def test_a_batch_from_dead_letters_has_the_data_row_of_a_row_that_is_being_tried(
    rig: Rig, rig_command: Command, place: str, kind: str
) -> None:
    miss(rig, "nowhere", "24" if kind == "retrying" else "0")
    send_back(rig)
    try_in(rig, place)

    done = rig_command("batch", "create", "--project", rig.project.id, "--from-dead-letters")

    assert (done.code, "nowhere: not added" in done.err) == (1, True), done.err


@pytest.mark.parametrize("kind", ["retrying", "dead letter"])
def test_a_row_that_is_tried_without_the_batch_is_tried_once_more_with_it(
    rig: Rig, rig_command: Command, kind: str
) -> None:
    miss(rig, "late", "24" if kind == "retrying" else "0")
    send_back(rig)
    rig.sandbox.control("POST", "/settings", {"secondsPerImport": 0.2})
    rig.run(rig.runs, "the import to run")

    done = rig_command("batch", "create", "--project", rig.project.id, "--from-dead-letters", "--retry")
    counts = "0 dead letters and 1 retrying row" if kind == "retrying" else "1 dead letter and 0 retrying rows"
    assert f"trying again: {counts}" in done.err
    rig.run(lambda: not rig.chunks(), "the try to fail")

    (state,) = map(orjson.loads, rig.client.hvals(f"{rig.project.root}:held"))
    assert state["due"] <= rig.project.held.now_ms()
    rig.sandbox.project(rig.project.id, TOOLS, rows=["there", "late"])
    assert rig.settle().imported == 1
    rig.project.audit()


# -- counts ------------------------------------------------------------------------------------------------------------


def test_a_row_is_retrying_in_every_count_while_it_is_tried(project: Project, prelabel: Command) -> None:
    retry(project, "a", "b")
    project.held.retry_now("p")
    chunk = project.take(project.cut())

    found = status(project)

    assert (found.pending, found.retrying, found.retrying_queued, found.next_retry_at) == (2, 2, 2, None)
    (gauge,) = [each for each in of_projects([found]) if each.name == "prelabel_retrying_rows"]
    assert [each.value for each in gauge.samples] == [2.0]
    assert "2 retrying (2 being tried)" in prelabel("status").out
    assert "retrying: 2 (2 being tried)" in prelabel("project", "show", "p").out
    outcomes = [project.holding(row, reason="data-row-not-found", retrying=True) for row in project.rows(chunk)[:1]]
    project.settle(chunk, imported=1, outcomes=[*outcomes, RowOutcome("cleared", 1, 1, "2")])
    found = status(project)
    assert (found.pending, found.retrying, found.retrying_queued) == (1, 1, 0)


def test_a_retried_dead_letter_is_pending_and_neither_dead_nor_retrying(project: Project) -> None:
    ids = project.kill("a")
    project.held.retry("p", ids)

    found = status(project)

    assert (found.pending, found.dead, found.retrying, found.retrying_queued) == (1, 0, 0, 0)
    assert project.held.pending("p") == ids


@pytest.mark.parametrize("outcome", ["imported", "marked", "superseded", "skipped", "dead", "discarded"])
def test_a_row_that_is_tried_leaves_the_list_with_its_outcome_and_not_before(project: Project, outcome: str) -> None:
    retry(project, "a")
    for _ in range(2):
        assert project.held.pending("p") == ["1"]
        project.held.retry_now("p")
        assert project.held.pending("p") == ["1"]
        not_found(project)
    project.held.retry_now("p")
    if outcome == "marked":
        _mark_superseded(project)
    chunk = project.take(project.cut())
    assert project.held.pending("p") == ["1"]
    (row,) = project.rows(chunk)

    if outcome == "imported":
        project.settle(chunk, imported=1, outcomes=[RowOutcome("cleared", 0, 1, "1")])
    elif outcome in ("superseded", "skipped"):
        project.settle(chunk, imported=0, outcomes=[RowOutcome(outcome, 0, 1, "1")])
    else:
        project.settle(chunk, imported=0, outcomes=[project.holding(row)])
    if outcome == "discarded":
        project.held.discard("p", ["1"])

    assert project.held.pending("p") == []
    assert [dead_letter.id for dead_letter in project.held.dead_letters("p")] == (["1"] if outcome == "dead" else [])
    check_indexes(project)


def _mark_superseded(project: Project) -> None:
    """A newer message of row a is imported while the row waits in its lane."""
    state = orjson.loads(project.client.hget(f"{project.root}:held", "1"))
    project.client.hset(f"{project.root}:held", "1", orjson.dumps({**state, "superseded": True}))


# -- an operator's word ------------------------------------------------------------------------------------------------


def test_rows_that_are_being_tried_count_as_tried_and_are_tried_once_more(project: Project, prelabel: Command) -> None:
    retry(project, "a", "b")
    project.held.retry_now("p")
    chunk = project.take(project.cut())
    retry_hours_ago(project, 10)

    done = prelabel("project", "retry", "p")

    assert (done.code, "trying 2 rows again now" in done.err) == (0, True), done.err
    rows = project.rows(chunk)
    outcomes = [project.holding(row, reason="data-row-not-found", retrying=True) for row in rows]
    project.settle(chunk, imported=0, outcomes=outcomes)
    assert project.held.retry_due("p") == 2
    not_found(project)
    assert project.held.retry_due("p") == 0  # once more, not for ever


def retry_hours_ago(project: Project, hours: float) -> None:
    """Let all held rows have been retrying for this much longer."""
    for name, data in project.client.hgetall(f"{project.root}:held").items():
        state = orjson.loads(data)
        state["since"] -= round(hours * 3_600_000)
        project.client.hset(f"{project.root}:held", name, orjson.dumps(state))


def test_once_more_is_for_a_reason_that_passes_with_time_only(project: Project) -> None:
    retry(project, "a")
    project.held.retry_now("p")
    project.held.retry_now("p")
    chunk = project.take(project.cut())

    project.settle(chunk, imported=0, outcomes=[project.holding(row) for row in project.rows(chunk)])

    assert (status(project).dead, status(project).pending) == (1, 0)


def test_a_row_that_is_given_up_while_it_is_tried_is_dead_if_the_try_fails(project: Project, prelabel: Command) -> None:
    retry(project, "a", "b", "c")
    project.held.retry_now("p")
    chunk = project.take(project.cut())

    done = prelabel("project", "retry", "p", "--give-up")

    assert (done.code, "3 more rows being tried: dead letters if that fails" in done.err) == (0, True)
    assert (status(project).retrying, status(project).pending) == (0, 3)
    assert prelabel("project", "retry", "p", "--give-up").code == 3
    *failed, good = project.rows(chunk)
    held = [project.holding(row, reason="data-row-not-found", retrying=True) for row in failed]
    project.settle(chunk, imported=1, outcomes=[*held, RowOutcome("cleared", good.index, 1, good.held_id)])
    assert (status(project).imported, status(project).dead, status(project).pending) == (1, 2, 0)
    check_indexes(project)


def test_a_row_that_comes_back_meanwhile_takes_no_other_rows_turn(project: Project) -> None:
    retry(project, "soon", "later")
    root = project.root
    project.client.zadd(f"{root}:retrying", {"1": 1, "2": project.held.now_ms() + 3_600_000})

    (done, *_) = Scripts(project.client).run("retry", root, 1, "all")

    assert (done, project.client.zrange(f"{root}:retrying", 0, -1)) == (1, [b"1"])


def test_a_dead_letter_that_is_being_tried_is_not_shown_as_one_and_it_is_said_where_it_is(
    project: Project, prelabel: Command
) -> None:
    ids = project.kill("a")
    project.held.retry("p", ids)

    done = prelabel("dead", "show", "1")

    assert done.code == 3
    assert "row 1 of p is not dead, it is tried again: prelabel row show a --project p" in done.err


# -- waiting -----------------------------------------------------------------------------------------------------------


@contextmanager
def one_of_two_is_tried(project: Project) -> Iterator[None]:
    """Rows 1 and 2 are retrying and are tried in turn, so that at any moment one of them is being tried."""
    stop = threading.Event()

    def chunk_of(held_id: int) -> Chunk:
        project.client.zadd(f"{project.root}:retrying", {str(held_id): 1})
        project.held.retry_due("p")
        return project.take(project.cut())

    def work(number: int, chunk: Chunk) -> None:
        while not stop.is_set():
            number = 3 - number
            following = chunk_of(number)
            held = [project.holding(row, reason="data-row-not-found", retrying=True) for row in project.rows(chunk)]
            project.settle(chunk, imported=0, outcomes=held)
            chunk = following

    thread = threading.Thread(target=work, args=(1, chunk_of(1)))
    thread.start()
    yield
    stop.set()
    thread.join()


def test_wait_ends_though_at_no_moment_all_rows_that_retry_are_at_rest(project: Project, prelabel: Command) -> None:
    retry(project, "a", "b")

    with one_of_two_is_tried(project):
        done = prelabel("wait", "--no-retrying", "--timeout", "20", "--project", "p")

    assert (done.code, "only retrying rows remain, 2:" in done.err) == (3, True), done.err
    assert "still pending" not in done.err


def test_wait_waits_for_a_try_that_had_begun_and_for_a_retried_dead_letter(project: Project, prelabel: Command) -> None:
    retry(project, "a")
    project.held.retry_now("p")
    wait = ("wait", "--no-retrying", "--timeout", "0.5", "--project", "p")

    assert "s: 1 row" in prelabel(*wait).err
    not_found(project)
    assert "only retrying rows remain, 1:" in prelabel(*wait).err

    project.kill("b")
    (dead_letter,) = project.held.dead_letters("p")
    project.held.retry("p", [dead_letter.id])
    assert "s: 2 rows" in prelabel(*wait).err


@pytest.fixture
def report() -> Iterator[RowReport]:
    """Of row a, which was published and held before."""
    found = RowReport(None, "-")
    found.add(ReportedRow("p", {"globalKey": "a"}, "id-a", "line 1", outcome="held", row=1))
    found.commit()
    yield found
    found.close()


def follower(project: Project, report: RowReport) -> Follower:
    return Follower(project.client, project.settings.key_prefix, report, "p", 0)


def test_a_report_waits_for_a_try_that_had_begun(project: Project, report: RowReport) -> None:
    retry(project, "a")
    project.held.retry_now("p")
    following = follower(project, report)

    following.look()

    assert (following.only_retrying, dict(report.counts())) == (False, {"pending": 1})


def test_a_report_says_of_a_row_that_is_tried_again_meanwhile_that_it_is_retrying(
    project: Project, report: RowReport
) -> None:
    retry(project, "a")
    following = follower(project, report)
    began = project.held.now_ms()
    wait_for(lambda: project.held.now_ms() > began, "the next millisecond")
    project.held.retry_now("p")

    following.look()

    assert (following.only_retrying, dict(report.counts())) == (True, {"retrying": 1})


def test_a_report_waits_for_a_dead_letter_that_is_retried_meanwhile(project: Project, report: RowReport) -> None:
    ids = project.kill("a")
    following = follower(project, report)
    project.held.retry("p", ids)

    following.look()

    assert (following.only_retrying, dict(report.counts())) == (False, {"pending": 1})


# -- where a row is ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("wanted", ["a", "id-a"])
@pytest.mark.parametrize("kind", ["retrying", "dead letter"])
def test_a_row_that_is_tried_is_found_when_the_history_has_forgotten_it(
    make_project: Callable[..., Project], wanted: str, kind: str
) -> None:
    project = make_project(history_days=0)
    retry_for(project, "24" if kind == "retrying" else "0")
    retry(project, "a", "b")
    if kind == "retrying":
        project.held.retry_now("p")
    else:
        project.held.retry("p", ["1", "2"])
    tracer = Tracer(project.client, project.settings.key_prefix)

    for _ in range(2):
        assert [held_id for held_id, _ in tracer.trace("p", wanted).held] == ["1"]
        project.ledger.cut_chunk("p")


def test_row_show_says_why_a_row_is_tried_again(project: Project, prelabel: Command) -> None:
    retry(project, "a")
    project.held.retry_now("p")

    assert "row 1: being tried again (data-row-not-found before), attempt 2" in prelabel("row", "show", "a").out


# -- two releases ------------------------------------------------------------------------------------------------------


def old_release_sends_back(project: Project, held_id: str) -> None:
    """Write as a script of the previous release does, which does not know the index of rows that are being tried."""
    root, client = project.root, project.client
    client.delete(f"{root}:retrying:queued", f"{root}:dead:queued")
    state = orjson.loads(client.hget(f"{root}:held", held_id))
    client.hset(f"{root}:held", held_id, orjson.dumps({**state, "queued": True}))


def test_a_row_that_an_older_script_sent_back_is_listed_as_soon_as_it_is_held_again(
    project: Project, report: RowReport
) -> None:
    retry(project, "a")
    project.held.retry_now("p")
    old_release_sends_back(project, "1")
    assert (status(project).pending, status(project).retrying) == (1, 0)
    following = follower(project, report)
    following.look()
    assert dict(report.counts()) == {"pending": 1}

    not_found(project)

    assert status(project).retrying == 1
    check_indexes(project)


def test_an_index_entry_of_an_older_script_is_not_counted_and_is_removed_with_the_next_try(
    project: Project, prelabel: Command
) -> None:
    retry(project, "a")
    root, client = project.root, project.client
    project.held.retry_now("p")
    left = client.zrange(f"{root}:retrying:queued", 0, -1, withscores=True)
    project.settle(chunk := project.take(project.cut()), imported=1, outcomes=[RowOutcome("cleared", 0, 1, "1")])
    assert chunk.rows == 1
    client.zadd(f"{root}:retrying:queued", dict(left))

    assert (status(project).retrying, status(project).pending) == (0, 0)
    assert list(project.held.rows("p", project.held.pending("p"))) == []
    (found,) = audit(client, project.settings.key_prefix)
    assert found.differences == ["retrying rows listed as being tried: counted 1, found 0"]
    project.publish(message("b"))
    not_found(project)
    assert "only retrying rows remain, 1" in prelabel("wait", "--no-retrying", "--project", "p").err

    assert project.held.retry_now("p") == 1
    check_indexes(project)


@pytest.mark.parametrize("action", ["retry_now", "give_up"])
def test_an_operators_word_removes_what_an_older_script_left_and_counts_it_as_nothing(
    project: Project, action: str
) -> None:
    retry(project, "a")
    project.held.give_up("p")
    project.held.discard("p", ["1"])
    project.client.zadd(f"{project.root}:retrying:queued", {"1": 1})

    assert getattr(project.held, action)("p") in (0, (0, 0))

    check_indexes(project)
