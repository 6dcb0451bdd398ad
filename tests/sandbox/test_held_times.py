"""The times of a radio's options, line after line: the same verdicts as of all lines together."""

from hypothesis import given
from hypothesis import strategies as st

from prelabel_sandbox.checks.questions import Held, Time, overlap

TIMES = st.builds(lambda start, more, option: (start, start + more, option), st.integers(0, 30), st.integers(0, 9),
                  st.sampled_from("ab"))  # fmt: skip


@given(st.lists(st.lists(TIMES, min_size=1, max_size=4), max_size=12))
def test_a_line_clashes_if_and_only_if_its_times_overlap_those_of_the_lines_before(lines: list[list[Time]]) -> None:
    held = Held()
    accepted: list[Time] = []
    for times in lines:
        clash = held.clash(times)
        assert clash is overlap([*accepted, *times])
        if not clash:
            held.add(times)
            accepted += times
