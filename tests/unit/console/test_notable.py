"""Groups to look at first: regressed, new, then rising; never those that somebody settled."""

from dataclasses import replace

from prelabel.unix_time import UnixTime
from prelabel_console.notable import notable
from prelabel_worker.dead_letters.group_state import GroupState
from prelabel_worker.queries.error_groups import ErrorGroup

NOW = 1_000_000.0
OLD = ErrorGroup(
    "old", "refused", "about", 5, (), 1, (), sampled=False, first_at=UnixTime(NOW - 90_000),
    last_at=UnixTime(NOW - 10), decided=GroupState(), sample=None,
)  # fmt: skip
CALM, RISING = [5] * 96, [1] * 92 + [10] * 4


def whys(groups: list[ErrorGroup], **counts: list[int]) -> list[tuple[str, str]]:
    return [(one.group.group, one.why) for one in notable(groups, counts, NOW)]


def test_regressed_groups_come_first_then_new_then_rising_ones() -> None:
    resolved = GroupState("resolved", "ann", UnixTime(NOW - 100))
    groups = [
        OLD,
        replace(OLD, group="rising"),
        replace(OLD, group="new", first_at=UnixTime(NOW - 60)),
        replace(OLD, group="back", decided=resolved),
    ]

    assert whys(groups, old=CALM, rising=RISING, new=[]) == [
        ("back", "regressed"),
        ("new", "new"),
        ("rising", "rising"),
    ]


def test_what_somebody_settled_is_left_out() -> None:
    settled = (GroupState("ignored", "ann", UnixTime(NOW - 100)), GroupState("resolved", "ann", UnixTime(NOW - 1)))

    assert whys([replace(OLD, decided=decided) for decided in settled], old=RISING) == []


def test_few_rows_do_not_rise() -> None:
    assert whys([OLD], old=[0] * 92 + [2] * 4) == []
    assert whys([OLD], old=[]) == []
