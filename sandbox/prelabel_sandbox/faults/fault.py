"""The fields that all faults share."""

from typing import Annotated

import msgspec
from msgspec import Meta

Above0 = Annotated[float, Meta(gt=0)]
AtLeast1 = Annotated[int, Meta(ge=1)]
Status = Annotated[int, Meta(ge=200, le=599)]


class Fault(msgspec.Struct, tag_field="fault", rename="camel", forbid_unknown_fields=True, kw_only=True, eq=False):
    """A fault. It applies `times` times or for `seconds`, without either once; to one `project`, or to all."""

    times: AtLeast1 | None = None
    seconds: Above0 | None = None
    project: str | None = None

    def __post_init__(self) -> None:
        if self.times is None and self.seconds is None:
            self.times = 1

    @property
    def name(self) -> str:
        """Return its name in the control API."""
        return str(self.__struct_config__.tag)
