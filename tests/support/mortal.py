"""A process that dies before or after any of its commands has reached Redis."""

from typing import Any

import redis


class Killed(BaseException):
    """The process was killed. No code of the project catches this exception."""


class Mortal(redis.connection.UnixDomainSocketConnection):  # type: ignore[misc]
    """A connection of a process that dies before or after its n-th command has reached Redis."""

    #: Number of commands before the fatal one; set on the class.
    left = 0
    #: Whether the fatal command reaches Redis first.
    after = False

    def send_packed_command(self, command: Any, check_health: bool = True) -> None:
        if Mortal.left == 0 and not Mortal.after:
            raise Killed
        super().send_packed_command(command, check_health)

    def read_response(self, *args: Any, **kwargs: Any) -> Any:
        answer = super().read_response(*args, **kwargs)
        Mortal.left -= 1
        if Mortal.left < 0:
            raise Killed
        return answer
