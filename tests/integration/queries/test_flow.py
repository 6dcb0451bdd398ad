"""Numbers by time, from a real Redis: written by the scripts that change rows, read as points."""

import pytest
import redis

from prelabel.validation.gate import prepare
from prelabel.wire import keys
from prelabel_worker.dead_letters.editing import edited_message
from prelabel_worker.operations.purge import Purge
from prelabel_worker.queries.flow import MINUTES, QUARTERS, FlowReader
from prelabel_worker.queries.flow_points import FlowPoint
from prelabel_worker.queries.imports import Imports
from tests.support.dead_letters import real_message
from tests.support.project import Project, message
from tests.support.rig import Rig
from tests.support.undoing import undo
from tests.support.waiting import wait_for


@pytest.fixture
def flow(project: Project) -> FlowReader:
    return FlowReader(project.client, project.settings.key_prefix)


def last_hour(flow: FlowReader, project: str = "p") -> FlowPoint:
    """Return the sum of the last hour."""
    return sum(flow.minutes(project), FlowPoint())


def test_rows_are_counted_when_they_are_published_and_when_they_get_a_result(
    project: Project, flow: FlowReader
) -> None:
    project.publish(message("a"), message("b"), message("c"))
    project.import_all(project.cut())
    project.kill("d", "e")

    for points in (flow.minutes("p"), flow.quarters("p")):
        point = sum(points, FlowPoint())
        assert (point.published, point.imported, dict(point.dead)) == (5, 3, {"refused": 2})
    total = flow.totals(["p"])["p"]
    assert (total.imported, total.died) == (3, 2)


def test_a_frame_that_is_sent_again_is_not_counted_again(project: Project, flow: FlowReader) -> None:
    frames = project.frames(message("a"), message("b"))

    project.inbox.put("p", frames)
    project.inbox.put("p", frames)

    assert last_hour(flow).published == 2


def test_the_last_point_is_the_current_one_and_points_are_a_step_apart(project: Project, flow: FlowReader) -> None:
    seconds, _ = project.client.time()
    minutes, quarters = flow.minutes("p"), flow.quarters("p")

    assert (len(minutes), len(quarters)) == (MINUTES, QUARTERS)
    for points, step in ((minutes, 60), (quarters, 900)):
        starts = [point.start for point in points]
        assert starts == [starts[0] + at * step for at in range(len(points))]
        assert 0 <= starts[-1] - seconds // step * step <= step


def test_points_are_read_from_the_minute_in_which_they_were_written(project: Project, flow: FlowReader) -> None:
    seconds, _ = project.client.time()
    for ago in (0, 7, 25, 59, 60):
        minute = seconds // 60 - ago
        project.client.hset(project.keys.flow.minutes(minute // 10), f"{minute % 10}:imported", ago + 1)

    imported = {point.start // 60: point.imported for point in flow.minutes("p") if point.imported}

    assert {seconds // 60 - minute: rows for minute, rows in imported.items()} == {0: 1, 7: 8, 25: 26, 59: 60}


def test_what_is_retried_is_counted_and_counts_again_when_it_dies_again(project: Project, flow: FlowReader) -> None:
    held = project.kill("a", "b")
    project.held.retry("p", held)
    chunk = project.take(project.cut())
    project.settle(chunk, imported=0, outcomes=[project.holding(row) for row in project.rows(chunk)])

    point = last_hour(flow)

    assert (point.published, point.retried, point.died) == (2, 2, 4)
    assert project.status().dead == 2


def test_rows_are_counted_as_discarded_by_whatever_discards_them(project: Project, flow: FlowReader) -> None:
    first, _, _ = project.kill("a", "b", "c")
    project.held.discard("p", [first])
    assert last_hour(flow).discarded == 1
    project.publish(message("d"))
    assert Purge(project.client, project.settings).run("p", "somebody", 10)

    assert last_hour(flow).discarded == 4
    assert project.status().discarded == 4


def test_a_retrying_row_that_is_superseded_is_counted(project: Project, flow: FlowReader) -> None:
    project.publish(message("a"))
    chunk = project.take(project.cut())
    (row,) = project.rows(chunk)
    held = project.holding(row, retrying=True)
    project.settle(chunk, imported=0, outcomes=[held])
    assert held.state is not None
    project.publish(message("a"))
    chunk = project.take(project.cut())

    project.settle(chunk, imported=1, superseding=[(held.state.row or "", chunk.items[0].seq)])

    assert last_hour(flow).superseded == project.status().superseded == 1


def test_counters_do_not_fall_when_an_import_is_undone(rig: Rig) -> None:
    flow = FlowReader(rig.client, rig.settings.key_prefix)
    rig.publish("a", "b")
    rig.settle()

    undo(rig, *Imports(rig.client, rig.settings.key_prefix).settled(rig.project.id))

    total = flow.totals([rig.project.id])[rig.project.id]
    assert (total.imported, total.discarded) == (2, 2)
    assert rig.status().imported == 0


def test_the_numbers_of_several_projects_are_added_up(project: Project, flow: FlowReader) -> None:
    other = Project(project.client, project.settings, "q")
    project.publish(message("a"), message("b"))
    other.publish(message("c"))
    project.import_all(project.cut())

    points = flow.sum_of(["p", "q", "unknown"])

    assert len(points) == MINUTES
    total = sum(points, FlowPoint())
    assert (total.published, total.imported) == (3, 2)
    assert sum(flow.quarters_sum_of(["p", "q"]), FlowPoint()).published == 3
    assert {name: sum(points, FlowPoint()).published for name, points in flow.minutes_of(["p", "q"]).items()} == {
        "p": 2,
        "q": 1,
    }


def test_a_reader_of_sums_reads_what_is_over_once_and_what_is_not_each_time(project: Project, flow: FlowReader) -> None:
    number = project.client.time()[0] // 600
    over, current = project.keys.flow.minutes(number - 2), project.keys.flow.minutes(number)
    project.client.hset(over, "3:imported", 5)
    project.client.hset(current, "0:imported", 1)
    assert sum(flow.sum_of(["p"]), FlowPoint()).imported == 6
    project.client.hset(over, "3:imported", 7)
    project.client.hset(current, "0:imported", 2)

    assert sum(flow.sum_of(["p"]), FlowPoint()).imported == 7
    assert sum(flow.sum_of(["p", "q"]), FlowPoint()).imported == 9
    assert sum(FlowReader(project.client, project.settings.key_prefix).sum_of(["p"]), FlowPoint()).imported == 9


def test_a_key_of_another_type_or_with_garbage_stops_no_row_and_no_reader(project: Project, flow: FlowReader) -> None:
    minute = project.client.time()[0] // 60
    for key in (
        project.keys.flow.minutes(minute // 10),
        project.keys.flow.total,
        project.keys.flow.groups(minute // 120),
    ):
        project.client.set(key, "garbage")
    project.client.hset(project.keys.flow.quarters(minute // 120), f"{minute % 120 // 15}:imported", "garbage")

    project.publish(message("a"))
    project.import_all(project.cut())
    project.kill("b")

    assert project.status().imported == 1
    assert (last_hour(flow).imported, flow.totals(["p"])["p"].imported, flow.groups("p")) == (0, 0, {})
    assert sum(flow.quarters("p"), FlowPoint()).imported == 1


def test_every_key_of_numbers_by_time_expires_except_the_totals(project: Project, flow: FlowReader) -> None:
    project.publish(message("a"))
    project.import_all(project.cut())
    project.kill("b")
    project.held.retry_now("p")

    names = [name.decode() for name in project.client.scan_iter(f"{project.root}:flow:*")]

    left = {name.removeprefix(f"{project.root}:flow:").partition(":")[0]: project.client.ttl(name) for name in names}
    assert (left.pop("total"), left.pop("first")) == (-1, -1)
    assert sorted(left) == ["groups", "m", "q"]
    assert 4700 < left["m"] <= 4800
    assert all(97_000 < left[name] <= 97_200 for name in ("q", "groups"))


def test_projects_and_accounts_have_numbers_of_their_own(project: Project, flow: FlowReader) -> None:
    project.client.hset(keys.account_flow(project.settings.key_prefix, "p").total, "upload:200", 3)

    assert flow.totals(["p"])["p"] == FlowPoint()
    assert flow.request_totals(["p"])["p"].count == 3
    assert flow.request_totals(["q"])["q"].count == 0


def test_dead_letters_are_counted_by_group_and_by_quarter_hour(project: Project, flow: FlowReader) -> None:
    project.kill("a", "b")
    seconds, micros = project.client.time()
    group = next(iter(project.client.hkeys(project.keys.dead_groups))).decode()
    quarter = seconds // 900 - 3
    project.client.hset(project.keys.flow.groups(quarter // 8), f"{quarter % 8}:{group}", 7)
    project.kill("c")

    counts = flow.groups("p")

    assert set(counts) == {group}
    assert (len(counts[group]), sum(counts[group]), max(counts[group])) == (QUARTERS, 10, 7)
    assert abs(flow.first_seen("p")[group] - (seconds * 1000 + micros // 1000)) < 60_000


def test_groups_beyond_the_bound_of_a_hash_are_counted_together(project: Project, flow: FlowReader) -> None:
    quarter = project.client.time()[0] // 900
    key = project.keys.flow.groups(quarter // 8)
    project.client.hset(key, mapping={f"{quarter % 8}:{number}": 1 for number in range(1000)})
    project.kill("a", "b")
    project.kill("c")

    assert flow.groups("p")["other"][-2:] in ([0, 3], [3, 0])
    assert project.client.hlen(key) == 1001


def test_the_first_time_of_a_group_is_kept_and_the_number_of_groups_is_bounded(
    project: Project, flow: FlowReader
) -> None:
    project.client.hset(project.keys.flow.first, mapping={f"old{number}": 1 for number in range(10_000)})

    project.kill("a")
    (group,) = project.client.hkeys(project.keys.dead_groups)
    first = flow.first_seen("p").get(group.decode(), 0)
    project.kill("b")

    assert project.client.hlen(project.keys.flow.first) == 10_000
    assert flow.first_seen("p").get(group.decode(), first) >= first


def test_freshness_counts_from_publication_to_the_commit(rig: Rig) -> None:
    flow = FlowReader(rig.client, rig.settings.key_prefix)
    rig.fault("stuck-running", seconds=60)
    rig.publish("a", "b")
    rig.run(rig.runs, "the import to run")
    ages = rig.fields()["ages"].split()
    rig.change(ages=" ".join(str(int(age) + 25_000) for age in ages))
    rig.fix()
    rig.settle()
    rig.publish("c")
    rig.settle()

    point = last_hour(flow, rig.project.id)

    assert point.imported == point.freshness.count == 3
    assert point.freshness.within(30) - point.freshness.within(20) == 2
    assert point.freshness.within(20) == 1
    assert point.freshness.total_ms > 50_000


def test_a_chunk_that_an_older_release_cut_counts_in_no_bucket(rig: Rig) -> None:
    flow = FlowReader(rig.client, rig.settings.key_prefix)
    rig.fault("stuck-running", seconds=60)
    rig.publish("a")
    rig.run(rig.runs, "the import to run")
    rig.client.hdel(rig.project.keys.chunk(rig.chunks()[0]), "ages")
    rig.fix()
    rig.settle()

    point = last_hour(flow, rig.project.id)
    assert (point.imported, point.freshness.count) == (1, 0)


def test_the_parts_of_a_split_chunk_keep_the_ages_of_their_rows(project: Project) -> None:
    project.publish(*(message(f"k{number}") for number in range(20)))
    chunk = project.take(project.cut())
    ages = {item.seq + item.high: 1000 * (at + 1) for at, item in enumerate(chunk.items)}  # by the last row
    project.client.hset(project.keys.chunk(chunk.id), "ages", " ".join(map(str, ages.values())))

    children = [project.take(child) for child in project.ledger.split(chunk)]

    for child in children:
        ends = [min(end for end in ages if end >= item.seq + item.high) for item in child.items]
        assert child.ages_ms == tuple(ages[end] for end in ends)
    assert sum(len(child.items) for child in children) >= len(ages)


def test_a_retried_row_counts_from_its_first_publication(project: Project) -> None:
    project.publish(message("a"))
    chunk_id = project.cut()
    project.client.hset(project.keys.chunk(chunk_id), "ages", 50_000)
    chunk = project.take(chunk_id)
    published = chunk.published_ms(0)
    (row,) = project.rows(chunk)
    project.settle(chunk, imported=0, outcomes=[project.holding(row)])
    for _ in range(2):
        project.held.retry("p", [str(row.seq)])
        chunk = project.take(project.cut())
        assert abs(chunk.published_ms(0) - published) <= 1
        project.settle(chunk, imported=0, outcomes=[project.holding(held) for held in project.rows(chunk)])


def test_a_row_that_an_older_release_held_has_no_age(project: Project) -> None:
    (held,) = project.kill("a")
    state = project.client.hget(project.keys.held, held).replace(b'"published"', b'"unknown"')
    project.client.hset(project.keys.held, held, state)
    project.held.retry("p", [held])

    assert project.take(project.cut()).ages_ms == (-1,)


def test_requests_are_counted_by_operation_and_status(rig: Rig) -> None:
    flow, account = FlowReader(rig.client, rig.settings.key_prefix), rig.settings.account
    rig.fault("429", times=1)
    rig.publish("a")
    rig.run(rig.decisions, "the request to be refused")
    rig.fix()
    rig.settle()

    def counted() -> bool:
        (requests,) = flow.request_totals([account]).values()
        return requests.of_operation("file") >= 1

    wait_for(counted, "the requests to be written")
    requests = flow.request_totals([account])[account]
    assert sum(number for (_, status), number in requests.numbers.items() if status == "429") == 1
    for operation in ("ontology", "upload", "poll", "file"):
        assert requests.numbers[operation, "200"] >= 1
        assert requests.seconds[operation].count == requests.of_operation(operation)
    assert sum(point.count for point in flow.requests(account)) == requests.count
    assert sum(point.count for point in flow.requests_by_quarter(account)) == requests.count


def test_a_retrying_row_that_is_given_up_counts_as_dead(project: Project, flow: FlowReader) -> None:
    project.publish(message("a"))
    chunk = project.take(project.cut())
    project.settle(chunk, imported=0, outcomes=[project.holding(row, retrying=True) for row in project.rows(chunk)])
    assert last_hour(flow).died == 0

    project.held.give_up("p")

    assert last_hour(flow).died == project.status().dead == 1


def test_a_dead_letter_that_is_edited_and_sent_back_counts_as_retried(project: Project, flow: FlowReader) -> None:
    (held,) = project.kill("a")
    dead_letter = project.held.dead_letter("p", held)
    assert dead_letter is not None

    project.held.edit("p", [edited_message(dead_letter, prepare(real_message("b").raw), 16)], "old")

    assert last_hour(flow).retried == 1


def test_a_dead_letter_that_is_too_old_counts_as_discarded(project: Project, flow: FlowReader) -> None:
    (held,) = project.kill("a")
    for index in project.client.scan_iter(f"{project.root}:dead*"):
        if project.client.type(index) == b"zset":
            project.client.zadd(index, {held: 1})

    project.held.expire("p", 1)

    assert last_hour(flow).discarded == project.status().discarded == 1


def publisher_with(project: Project, commands: str) -> Project:
    """Return the project as a publisher sees it whose Redis user may only use these commands."""
    name, password = "publisher-of-a-test", "a-password"
    project.client.acl_setuser(
        name,
        enabled=True,
        reset=True,
        passwords=[f"+{password}"],
        keys=[f"{project.settings.key_prefix}:*"],
        commands=["-@all", *(f"+{command}" for command in commands.split())],
    )
    where = {**project.client.connection_pool.connection_kwargs, "username": name, "password": password}
    pool = redis.ConnectionPool(connection_class=project.client.connection_pool.connection_class, **where)
    return Project(redis.Redis(connection_pool=pool), project.settings)


PUBLISHER = "ping info wait evalsha script|load time hexists hget hmget hset hincrby rpush zadd zmscore"
"""The commands of a publisher's user, up to the release before the numbers by time."""


@pytest.mark.parametrize(("commands", "counted"), [(PUBLISHER, 0), (f"{PUBLISHER} expire", 2)])
def test_a_publisher_without_the_right_to_let_keys_expire_publishes_and_leaves_no_key_behind(
    project: Project, flow: FlowReader, commands: str, counted: int
) -> None:
    publisher = publisher_with(project, commands)

    publisher.publish(message("a"), message("b"))

    publisher.client.close()
    assert project.status().published == 2
    assert last_hour(flow).published == counted
    assert len(list(project.client.scan_iter(f"{project.root}:flow:*"))) == counted
