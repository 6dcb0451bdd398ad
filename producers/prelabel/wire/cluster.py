"""A client for Redis Cluster that works like a client for a single server: commands go to the node of their key.

redis-py's own cluster client repeats lost commands unasked and cannot run scripts in a pipeline. It also splits
pipelines, so that the wait for durable writes would miss the writes of other connections. Only its slot map is used.
"""

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import redis
from redis.client import Pipeline
from redis.cluster import ClusterNode, RedisCluster
from redis.crc import key_slot
from redis.exceptions import ClusterDownError, MovedError, RedisClusterException

from prelabel.wire.redis_url import RedisUrl

_OF_ONE_SERVER = {"db", "host", "port", "retry", "retry_on_timeout"}
_MAP_IS_OLD = (redis.ConnectionError, redis.TimeoutError, ClusterDownError, MovedError)
_WITHOUT_KEY = {"PING", "TIME", "INFO", "CONFIG GET", "WAIT", "WAITAOF"}


class ClusterClient(redis.Redis):
    """A client of the cluster at a URL, which connects when it is first used. Thread-safe.

    It can send the commands that this project uses: commands with one key, and pipelines with keys of one slot.
    Commands without a key go to any node.
    """

    def __init__(self, url: RedisUrl, options: dict[str, Any]) -> None:
        """`options` are the options of connections, as `prelabel.wire.client.connection_options` returns them."""
        self._starts = url.hosts
        # Without these: nothing is repeated here, each node has its own address, and a cluster has one database.
        self._options = {name: value for name, value in options.items() if name not in _OF_ONE_SERVER}
        self._options["ssl"] = url.tls
        self._lock = threading.Lock()
        self._made: RedisCluster | None = None
        self._map_is_old = False
        super().__init__(protocol=options["protocol"])

    def node_of(self, key: str) -> redis.Redis:
        """Return a client of the node that has this key. Raises redis.ConnectionError if there is none."""
        with _as_connection_error():
            cluster = self._cluster()
            node = cluster.get_node_from_key(key)  # type: ignore[no-untyped-call]
            return cluster.get_redis_connection(node)

    def primaries(self) -> list[redis.Redis]:
        """Return a client of each primary. Raises redis.ConnectionError."""
        with _as_connection_error():
            cluster = self._cluster()
            primaries = cluster.get_primaries()  # type: ignore[no-untyped-call]
            return [cluster.get_redis_connection(node) for node in primaries]

    @contextmanager
    def at(self, key: str | None) -> Iterator[redis.Redis]:
        """Yield a client of the key's node for one exchange; if it fails, the next one reads the slot map again."""
        try:
            yield self.primaries()[0] if key is None else self.node_of(key)
        except _MAP_IS_OLD:
            self._map_is_old = True
            raise

    def execute_command(self, *args: Any, **options: Any) -> Any:
        """Send a command to the node of its key."""
        with self.at(_key_of(args)) as node:
            return node.execute_command(*args, **options)  # type: ignore[no-untyped-call]

    def script_load(self, script: Any) -> Any:
        """Load a script into every primary that can be reached and return its digest.

        A node that is away holds up nothing on other nodes. Raises redis.ConnectionError if all are away.
        """
        digest, away = None, None
        for node in self.primaries():
            try:
                digest = node.script_load(script)
            except (redis.ConnectionError, redis.TimeoutError) as error:
                away = error
        if digest is None and away is not None:
            raise away
        return digest

    def pipeline(self, transaction: bool = True, shard_hint: Any = None) -> "SlotPipeline":
        """Return a pipeline for commands of one slot, which travel together on one connection."""
        return SlotPipeline(self, transaction)

    def close(self) -> None:
        """Close all connections."""
        made, self._made = getattr(self, "_made", None), None
        if made is not None:
            made.close()
        super().close()

    def _cluster(self) -> RedisCluster:
        with self._lock:
            if self._made is None:
                nodes = [ClusterNode(host.name, host.port) for host in self._starts]  # type: ignore[no-untyped-call]
                self._made = RedisCluster(startup_nodes=nodes, **self._options)
            elif self._map_is_old:
                self._made.nodes_manager.initialize()
            self._map_is_old = False
            return self._made


class SlotPipeline(Pipeline):
    """A pipeline that chooses its node when it is executed, by the keys of its commands."""

    def __init__(self, client: ClusterClient, transaction: bool) -> None:
        super().__init__(client.connection_pool, client.response_callbacks, transaction, None)
        self._client = client

    def execute(self, raise_on_error: bool = True) -> list[Any]:
        """Execute the commands on the node of their slot. Raises ValueError if their keys have several slots."""
        with self._client.at(self._key()) as node:
            self.connection_pool = node.connection_pool
            answers = super().execute(raise_on_error)
            moved = next((answer for answer in answers if isinstance(answer, _MAP_IS_OLD)), None)
            if moved is not None:
                raise moved
            return answers

    def _key(self) -> str | None:
        keys = [key for args, _ in self.command_stack if (key := _key_of(args)) is not None]
        if len({key_slot(key.encode()) for key in keys}) > 1:
            raise ValueError(f"expected keys of one slot in a pipeline, found {keys}")
        return keys[0] if keys else None


def _key_of(args: Sequence[Any]) -> str | None:
    name = str(args[0]).upper()
    if name in _WITHOUT_KEY:
        return None
    return str(args[3] if name == "EVALSHA" else args[1])


@contextmanager
def _as_connection_error() -> Iterator[None]:
    """Raise redis.ConnectionError in place of redis-py's own error, which means that no node returns a slot map."""
    try:
        yield
    except RedisClusterException as error:
        raise redis.ConnectionError(str(error)) from error
