"""A Redis Cluster as a client that looks like one server: each command and each pipeline goes to the node of its key.

redis-py's own cluster client repeats what was lost without being asked, takes no script on a pipeline and cuts a
pipeline up, so that a barrier would wait for the writes of another connection. Of it only the map of the slots is used.
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
    """A client of the cluster behind a URL; it connects when it is first used. Thread-safe.

    It knows the commands that this project uses: one key each, or in a pipeline keys of one slot. What has no key is
    answered by some node.
    """

    def __init__(self, url: RedisUrl, options: dict[str, Any]) -> None:
        """`options` are those of the connections, as `prelabel.wire.client.connection_options` makes them."""
        self._starts = url.hosts
        # Nothing is repeated here, and each node has an address of its own.
        self._options = {name: value for name, value in options.items() if name not in _OF_ONE_SERVER}
        self._options["ssl"] = url.tls
        self._lock = threading.Lock()
        self._made: RedisCluster | None = None
        self._map_is_old = False
        super().__init__(protocol=options["protocol"])

    def node_of(self, key: str) -> redis.Redis:
        """A client of the node that has this key. Raises redis.ConnectionError when there is none."""
        with _as_connection_error():
            cluster = self._cluster()
            node = cluster.get_node_from_key(key)  # type: ignore[no-untyped-call]
            return cluster.get_redis_connection(node)

    def primaries(self) -> list[redis.Redis]:
        """A client of each primary. Raises redis.ConnectionError."""
        with _as_connection_error():
            cluster = self._cluster()
            primaries = cluster.get_primaries()  # type: ignore[no-untyped-call]
            return [cluster.get_redis_connection(node) for node in primaries]

    @contextmanager
    def at(self, key: str | None) -> Iterator[redis.Redis]:
        """The node of a key, for one exchange: should it fail, the map of the slots is read anew before the next."""
        try:
            yield self.primaries()[0] if key is None else self.node_of(key)
        except _MAP_IS_OLD:
            self._map_is_old = True
            raise

    def execute_command(self, *args: Any, **options: Any) -> Any:
        """Send it to the node of its key."""
        with self.at(_key_of(args)) as node:
            return node.execute_command(*args, **options)  # type: ignore[no-untyped-call]

    def script_load(self, script: Any) -> Any:
        """Give the script to every primary; its digest."""
        return [node.script_load(script) for node in self.primaries()][-1]

    def pipeline(self, transaction: bool = True, shard_hint: Any = None) -> "SlotPipeline":
        """Commands of one slot: they travel together, on one connection."""
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
    """A pipeline whose node is known when it is executed."""

    def __init__(self, client: ClusterClient, transaction: bool) -> None:
        super().__init__(client.connection_pool, client.response_callbacks, transaction, None)
        self._client = client

    def execute(self, raise_on_error: bool = True) -> list[Any]:
        """Execute the commands on the node of their slot. Raises ValueError when they are of several."""
        with self._client.at(self._key()) as node:
            self.connection_pool = node.connection_pool
            answers = super().execute(raise_on_error)
            moved = next((each for each in answers if isinstance(each, _MAP_IS_OLD)), None)
            if moved is not None:
                raise moved
            return answers

    def _key(self) -> str | None:
        keys = [key for args, _ in self.command_stack if (key := _key_of(args)) is not None]
        if len({key_slot(key.encode()) for key in keys}) > 1:
            raise ValueError(f"a pipeline of several slots: {keys}")
        return keys[0] if keys else None


def _key_of(args: Sequence[Any]) -> str | None:
    name = str(args[0]).upper()
    if name in _WITHOUT_KEY:
        return None
    return str(args[3] if name == "EVALSHA" else args[1])


@contextmanager
def _as_connection_error() -> Iterator[None]:
    """redis-py's word for a cluster of which no map can be read is no error of Redis."""
    try:
        yield
    except RedisClusterException as error:
        raise redis.ConnectionError(str(error)) from error
