"""Up to where a source that is read in order may be acknowledged: before the first record that is not done yet."""

from collections.abc import Sequence


class Positions:
    """The records of one file or partition that were read, by where each begins and where the next one does."""

    def __init__(self, position: int) -> None:
        self._read_to = position
        self._open: dict[int, int] = {}
        self._done: list[tuple[int, int]] = []

    def begin(self, position: int, end: int) -> None:
        """Note that a record was read."""
        self._open[position] = end
        self._read_to = max(self._read_to, end)

    def finish(self, group: Sequence[int]) -> None:
        """Note that the records that begin here are done, together: no position between them is safe."""
        known = [position for position in group if position in self._open]
        if known:
            self._done.append((min(known), max(known)))
            for position in known:
                del self._open[position]

    def safe(self) -> int:
        """Return where to resume after a crash: everything before it is done, and no group is cut in two."""
        position = min(self._open, default=self._read_to)
        cut = True
        while cut:
            cutting = [first for first, last in self._done if first < position <= last]
            cut = bool(cutting)
            position = min([position, *cutting])
        self._done = [(first, last) for first, last in self._done if last >= position]
        return position
