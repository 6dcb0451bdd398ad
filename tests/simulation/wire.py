"""Between our code and the real Redis: a switch point before each command, the virtual clock, restarts, lost answers.

Commands go one after another over one connection: the order in which they happen is the scheduler's alone.
"""

import subprocess
import tempfile
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import redis

from tests.simulation.world import Dead, Process, World
from tests.support.redis_server import start_redis

OPTIONS = ("--save", "", "--appendonly", "no", "--hash-max-ziplist-value", "1000000", "--databases", "2")
"""Small hashes keep the order in which they were written, so that a seed gives the same history on every server."""
_COPY = "for _, key in ipairs(redis.call('KEYS', '*')) do redis.call('COPY', key, key, 'DB', 1, 'REPLACE') end return 1"
_SHORT = 48


class Server:
    """A Redis of our own, and the one connection that everybody's commands go over, one after another."""

    def __init__(self) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="prelabel-simulation-")
        self.folder = Path(self._folder.name)
        self._process: subprocess.Popen[bytes] = start_redis(self.folder, *OPTIONS)
        self.raw = redis.Redis.from_url(f"unix://{self.folder / 'redis.sock'}?db=0", protocol=2)
        self.connection = self.raw.connection_pool.get_connection()
        self._names: dict[str, str] = {}
        self._rewritten: dict[str, str] = {}

    def close(self) -> None:
        self.connection.disconnect()
        self.raw.close()
        self._process.terminate()
        self._process.wait(10)
        self._folder.cleanup()

    def call(self, *args: Any) -> Any:
        """A command that is no part of the simulation; the answer as Redis gives it."""
        self.connection.send_command(*args)
        return self.connection.read_response()

    def load(self, sources: Mapping[str, str], rewrite: Callable[[str], str]) -> None:
        """Give Redis the scripts, as they are rewritten for the simulation."""
        self._rewritten = {source: rewrite(source) for source in sources.values()}
        for name, source in sources.items():
            self._names[self.call("SCRIPT", "LOAD", self._rewritten[source]).decode()] = name

    def script(self, sha: str) -> str:
        """A script's name."""
        return self._names[sha]

    def rewritten(self, source: str) -> str:
        return self._rewritten[source]


class Wire:
    """Redis as the processes of one world see it.

    What was written since the last barrier is lost in a restart. A copy is made only when a restart is planned, and
    given up when a barrier makes everything durable before it comes. `check_of` gives the command that checks a key
    after each script on it, `checked` takes its answer; `watch` sees a script's arguments and then its answer.
    """

    def __init__(self, server: Server, world: World) -> None:
        self.server = server
        self.world = world
        self.lost_tail: Callable[[], None] | None = None
        self.away_until = 0.0
        self.restarts = 0
        self.loses_answers = 0.0
        self.check_of: Callable[[str], tuple[Any, ...] | None] = lambda root: None
        self.checked: Callable[[list[bytes]], None] = lambda problems: None
        self.watch: dict[str, Callable[[tuple[Any, ...]], Callable[[Any], None]]] = {}
        self._expires: dict[str, float] = {}
        server.call("FLUSHALL")

    def plan_restart(self, undo: Callable[[], None]) -> None:
        """From here on nothing is on the disk; `undo` puts back what the checks know of it."""
        self.server.call("EVAL", _COPY, 0)
        expires = dict(self._expires)

        def undo_all() -> None:
            self._expires = expires
            undo()

        self.lost_tail = undo_all

    def restart(self) -> None:
        """What was written since the plan is lost."""
        if self.lost_tail is None:
            return
        self.server.call("SWAPDB", 0, 1)
        self._forget_copy()
        self.restarts += 1
        undo, self.lost_tail = self.lost_tail, None
        undo()

    def barrier(self) -> None:
        """Somebody waits until everything written so far is on the disk."""
        self.durable()

    def durable(self) -> None:
        """Everything written so far is on the disk."""
        if self.lost_tail is not None:
            self._forget_copy()
            self.lost_tail = None

    def _forget_copy(self) -> None:
        self.server.call("SELECT", 1)
        self.server.call("FLUSHDB")
        self.server.call("SELECT", 0)

    def expire(self) -> None:
        """Remove the keys whose time has come on the virtual clock."""
        for key in [key for key, at in self._expires.items() if at <= self.world.now]:
            del self._expires[key]
            self.server.call("DEL", key)

    def _flew(self, key: str, expires: float, answer: Any) -> None:
        """After `begin_ontology_fetch`, which answers 0 when the flight of another worker has not ended."""
        if int(answer):
            self._expires[key] = expires

    def exchange(
        self, client: "Client", args: tuple[Any, ...], options: dict[str, Any], restarts: int | None = None
    ) -> Any:
        """One command of a process: somebody else first, perhaps; then it happens, or it does not.

        With `restarts` it goes over a connection that was made when Redis had restarted so many times.
        """
        world, process = self.world, client.process
        if not process.alive:
            raise Dead
        command = str(args[0])
        if command == "TIME":  # it changes nothing, so the order in which it comes does not matter
            return world.now_ms // 1000, world.now_ms % 1000 * 1000
        world.switch(self._shown(command, args), delicate=command == "WAITAOF")
        if self.away_until > world.now or process.connection_lost or restarts not in (None, self.restarts):
            process.connection_lost = False
            world.note(process.name, "  no connection")
            raise redis.ConnectionError("Redis is away")
        world.now += 0.001
        answer = self._command(client, command, args, options)
        if world.chaos and self.loses_answers and world.random.random() < self.loses_answers:
            world.note(process.name, "  answer lost")
            raise redis.ConnectionError("the connection was lost before the answer")
        return answer

    def _command(self, client: "Client", command: str, args: tuple[Any, ...], options: dict[str, Any]) -> Any:
        if command == "WAITAOF":
            self.barrier()
            return [1, 0]
        after = None
        if command == "EVALSHA":
            name = self.server.script(str(args[1]))
            watch = self.watch.get(name)
            after = watch(args) if watch else None
            if name == "begin_ontology_fetch":
                after = partial(self._flew, f"{args[3]}:ontology:flight", self.world.now + int(args[4]) / 1000)
            # The virtual clock goes in as a second key, see patches.py.
            args = ("EVALSHA", args[1], 2, args[3], str(self.world.now_ms), *args[4:])
        connection = self.server.connection
        check = self.check_of(args[3]) if command == "EVALSHA" else None
        connection.send_packed_command(connection.pack_commands([args, check] if check else [args]))
        answer = client.parse_response(connection, command, **options)
        if check:
            self.checked(connection.read_response())
        if after:
            after(answer)
        return answer

    def _shown(self, command: str, args: tuple[Any, ...]) -> str:
        if command == "EVALSHA":
            rest = " ".join(_text(arg) for arg in args[4:10])
            return f"{self.server.script(str(args[1]))} {rest}"
        return f"{command} {' '.join(_text(arg) for arg in args[1:5])}"


def _text(arg: Any) -> str:
    if isinstance(arg, bytes):
        return f"<{len(arg)} bytes>" if len(arg) > _SHORT or not arg.isascii() else arg.decode()
    return str(arg)[:_SHORT]


class Client(redis.Redis):
    """A process's client: redis-py with another way to the server."""

    def __init__(self, wire: Wire, process: Process) -> None:
        super().__init__(connection_pool=wire.server.raw.connection_pool)
        self.wire = wire
        self.process = process

    def execute_command(self, *args: Any, **options: Any) -> Any:
        return self.wire.exchange(self, args, options)

    def register_script(self, script: Any) -> Any:
        return super().register_script(self.wire.server.rewritten(script))

    def pipeline(self, transaction: bool = True, shard_hint: Any = None) -> "Pipeline":
        return Pipeline(self)

    def close(self) -> None:
        pass


class Pipeline(redis.client.Pipeline):
    """Its commands are executed one by one, as Redis does: others' commands come between them. One connection is for
    all: a restart ends it."""

    def __init__(self, client: Client) -> None:
        super().__init__(client.connection_pool, client.response_callbacks, False, None)
        self._client = client

    def execute(self, raise_on_error: bool = True) -> list[Any]:
        stack, self.command_stack = self.command_stack, []
        self.scripts.clear()
        answers: list[Any] = []
        wire = self._client.wire
        restarts = wire.restarts if sum(args[0] != "TIME" for args, _ in stack) > 1 else None
        for args, options in stack:
            try:
                answers.append(wire.exchange(self._client, args, options, restarts))
            except redis.ResponseError as error:
                if raise_on_error:
                    raise
                answers.append(error)
        return answers
