"""The memory of the Redis servers that keep rows."""

from dataclasses import dataclass

import redis

from prelabel.wire.client import Client, servers_of


@dataclass(frozen=True, slots=True)
class ServerMemory:
    """The memory of one server."""

    #: Its address: `host:port`, or the path of its socket.
    name: str
    #: Bytes in use.
    used_bytes: int
    #: Its limit, `maxmemory`, in bytes; 0 without a limit.
    max_bytes: int

    @property
    def share(self) -> float | None:
        """Return the share of the limit that is in use; None without a limit."""
        return self.used_bytes / self.max_bytes if self.max_bytes else None


def memory_of_servers(client: Client) -> list[ServerMemory]:
    """Return the memory of every server that keeps rows. Raises redis.RedisError."""
    return [_memory_of(server) for server in servers_of(client)]


def _memory_of(server: "redis.Redis") -> ServerMemory:
    info = server.info("memory")
    return ServerMemory(_address(server), int(info["used_memory"]), int(info.get("maxmemory", 0)))


def _address(server: "redis.Redis") -> str:
    where = server.connection_pool.connection_kwargs
    return str(where["path"]) if "path" in where else f"{where.get('host', 'localhost')}:{where.get('port', 6379)}"
