"""Up to where a source may be acknowledged."""

import random

from prelabel.bridges.positions import Positions


def test_the_first_open_record_bounds_what_is_safe() -> None:
    positions = Positions(10)
    for offset in (10, 11, 12):
        positions.begin(offset, offset + 1)
    positions.finish([11])
    assert positions.safe() == 10
    positions.finish([10])
    assert positions.safe() == 12
    positions.finish([12])
    assert positions.safe() == 13


def test_a_group_is_never_cut_in_two() -> None:
    for seed in range(200):
        lot = random.Random(seed)
        positions, groups, where = Positions(0), [], 0
        offsets = list(range(20))
        lot.shuffle(offsets)
        while offsets:
            size = lot.randint(1, 4)
            groups.append(sorted(offsets[:size]))
            offsets = offsets[size:]
        for offset in range(20):
            positions.begin(offset, offset + 1)
        done: set[int] = set()
        for group in groups:
            positions.finish(group)
            done.update(group)
            safe = positions.safe()
            assert where <= safe
            assert set(range(safe)) <= done
            assert not [each for each in groups if set(each) <= done and each[0] < safe <= each[-1]]
            where = safe
        assert where == 20
