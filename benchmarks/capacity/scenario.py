"""What is simulated: a load, the machines, and the account, as one declared record."""

import msgspec

from prelabel.wire.lanes import DEFAULT_LANES

DAY_SECONDS = 86_400


class Scenario(msgspec.Struct, frozen=True, kw_only=True):
    """A load and the machines that carry it. The defaults are those of prelabel's settings."""

    #: Rows that arrive in a second, over all projects; 0 for a backlog alone.
    rows_a_second: float = 0.0
    #: Rows that wait at the beginning, in equal parts of all projects.
    backlog_rows: int = 0
    #: Number of projects.
    projects: int = 20
    #: Share of the arriving rows that the first project has; the other projects share the rest equally.
    first_share: float = 0.0
    #: Publishing processes, each on a core of its own.
    publishers: int = 4
    #: Longest time that a publisher keeps a row (`linger_seconds` of a publisher).
    publisher_linger_seconds: float = 0.05
    #: Worker hosts.
    hosts: int = 1
    #: Cores of a host.
    cores: int = 2
    #: Worker processes of a host.
    processes: int = 2
    #: Of these, the processes of the role `poll`; 0 when every process takes both roles.
    poll_processes: int = 0
    #: Tasks that a process runs at once: a worker with one process has two threads, a pool of several has one each.
    threads: int = 2
    #: Redis nodes, each on a core of its own. A project is on one of them.
    nodes: int = 1
    #: Whether Redis, the publishers and the stand-in for Labelbox share the cores of the one worker host.
    one_machine: bool = False
    #: Accounts of Labelbox, which share the projects equally.
    accounts: int = 1
    #: Requests of an account in a minute.
    requests_a_minute: int = 1200
    #: Requests that may be sent at once after a quiet time.
    request_burst: int = 20
    #: Maximum rows of a chunk.
    chunk_rows: int = 5000
    #: Maximum frames of a chunk.
    chunk_frames: int = 500
    #: How long a row waits for a chunk to fill.
    linger_seconds: float = 1.0
    #: Maximum chunks that a project has open.
    open_chunks: int = 8
    #: Lanes of a project.
    lanes: int = DEFAULT_LANES
    #: First and longest wait before the state of an import is asked for.
    poll_min_seconds: float = 1.0
    poll_max_seconds: float = 30.0
    #: Time of a request without its body.
    request_seconds: float = 0.2
    #: Bytes of an upload in a second, for each upload.
    upload_bytes_a_second: float = 20e6
    #: Time that Labelbox takes for an import, and for each of its rows. Nobody has measured it: an assumption.
    import_seconds: float = 2.0
    import_row_seconds: float = 0.001
    #: Time of a round trip to Redis without Redis's own work.
    network_seconds: float = 0.0002
    #: Simulated seconds; a backlog without arrivals ends when it is drained.
    seconds: float = 300.0
    #: Simulated seconds that are left out of the figures.
    warm_up_seconds: float = 60.0
    seed: int = 1

    @property
    def worker_processes(self) -> int:
        """All worker processes."""
        return self.hosts * self.processes
