"""A project: its lanes, the chunks that are cut from them, and how many may be open."""

import math
from collections import deque

from benchmarks.capacity.scenario import Scenario
from benchmarks.capacity.stations import Account, Node

FRAME_ROWS = 256
"""Rows of one frame."""
_ONE_TROUBLE_SECONDS, _QUIET_SECONDS, _GROWTH_SECONDS = 5.0, 10.0, 1.0


class Chunk:
    """Rows on their way to Labelbox."""

    def __init__(self, project: "Project", lanes: list[int], entries: list[tuple[int, float]]) -> None:
        self.project = project
        self.lanes = lanes
        self.entries = entries
        self.rows = sum(rows for rows, _ in entries)


class Project:
    """The lanes of a project and its open chunks.

    An entry is a frame, or a lane's part of one (costs are measured by entries too): its rows and the time of its
    arrival.
    """

    def __init__(self, scenario: Scenario, node: Node, account: Account) -> None:
        self._scenario = scenario
        self.node = node
        self.account = account
        self.lanes: list[deque[tuple[int, float]]] = [deque() for _ in range(scenario.lanes)]
        self.lane_rows = [0] * scenario.lanes
        self.is_open = [False] * scenario.lanes
        self.waiting = 0  # rows in all lanes
        self.open = 0
        self.open_most = scenario.open_chunks
        self.trouble_at = self.more_at = -math.inf
        self.looks_at = math.inf  # the time of its timer
        self.next_lane = 0

    def add(self, rows: int, now: float) -> int:
        """Add rows to the lanes evenly; return the number of frames."""
        lanes, frames = len(self.lanes), 0
        self.waiting += rows
        part, more = divmod(rows, lanes)
        for at in range(min(rows, lanes)):
            lane = (self.next_lane + at) % lanes
            count = part + (at < more)
            self.lane_rows[lane] += count
            while count > 0:
                self.lanes[lane].append((min(count, FRAME_ROWS), now))
                count -= FRAME_ROWS
                frames += 1
        self.next_lane = (self.next_lane + rows) % lanes
        return frames

    def free(self) -> list[int]:
        """Return the lanes that have rows and no open chunk, those first whose rows have waited longest."""
        lanes = [lane for lane, rows in enumerate(self.lane_rows) if rows and not self.is_open[lane]]
        return sorted(lanes, key=lambda lane: self.lanes[lane][0][1])

    def cut(self, free: list[int]) -> Chunk:
        """Take entries of the free lanes, up to the limits of a chunk, and close these lanes."""
        entries: list[tuple[int, float]] = []
        lanes, rows, full = [], 0, False
        for lane in free:
            queue, taken = self.lanes[lane], 0
            while queue and len(entries) < self._scenario.chunk_frames:
                full = bool(entries) and rows + queue[0][0] > self._scenario.chunk_rows
                if full:
                    break
                entry = queue.popleft()
                entries.append(entry)
                rows, taken = rows + entry[0], taken + entry[0]
            if taken:
                lanes.append(lane)
                self.waiting -= taken
                self.lane_rows[lane] -= taken
                self.is_open[lane] = True
            if full or len(entries) >= self._scenario.chunk_frames:
                break
        self.open += 1
        return Chunk(self, lanes, entries)

    def has_timer(self, now: float) -> bool:
        """Return whether nothing is to be done before the project's timer: too few rows wait for a chunk."""
        return now < self.looks_at < math.inf and self.waiting < self._scenario.chunk_rows

    def fewer(self, now: float) -> None:
        """Open fewer chunks, after trouble."""
        if now - self.trouble_at >= _ONE_TROUBLE_SECONDS:
            self.open_most = max(1, self.open_most // 2)
            self.trouble_at, self.more_at = now, now + _QUIET_SECONDS

    def more(self, now: float) -> None:
        """Open one chunk more, after a quick import."""
        if self.open_most < self._scenario.open_chunks and self.more_at <= now:
            self.open_most, self.more_at = self.open_most + 1, now + _GROWTH_SECONDS
