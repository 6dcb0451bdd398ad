"""When an answer of Redis means that a write is safe, and how to wait for that."""

from typing import Any, Literal

from prelabel.errors import PrelabelError

Durability = Literal["fsync", "waitaof", "replica"]
"""What makes an answer of Redis durable: `fsync`: the server runs with `appendfsync always`, so an answer is enough;
`waitaof`: `WAITAOF 1 0` (Redis or Valkey 7.2); `replica`: `WAIT 1`."""
_WITHIN_MS = 5_000  # below every socket time-out


class NotDurable(PrelabelError):
    """Redis executed the commands and did not confirm in time that their writes are safe; repeat them."""

    def __init__(self) -> None:
        super().__init__("Redis did not confirm in time that it is safe")


def execute(pipeline: Any, durability: Durability, *, raise_on_error: bool = True) -> list[Any]:
    """Execute a pipeline and return its answers once what it wrote is durable.

    The wait is part of the pipeline, since it is for the writes of its own connection. Raises NotDurable, or a redis
    error; with `raise_on_error=False` the errors of commands are among the answers, and are not waited for.
    """
    if durability == "waitaof":
        pipeline.execute_command("WAITAOF", 1, 0, _WITHIN_MS)
    elif durability == "replica":
        pipeline.execute_command("WAIT", 1, _WITHIN_MS)
    answers: list[Any] = pipeline.execute(raise_on_error)
    copies = answers.pop() if durability != "fsync" else 1
    if any(isinstance(answer, Exception) for answer in answers):
        return answers
    if isinstance(copies, Exception):
        raise copies
    if not (copies[0] if isinstance(copies, list) else copies):
        raise NotDurable
    return answers
