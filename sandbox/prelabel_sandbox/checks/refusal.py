"""Why a line is refused, in the names and the manner of Labelbox's texts (docs/reference/labelbox-format.md#5-3)."""

MISSING = "Missing data for required field."
UNKNOWN = "Unknown field."


class Refused(Exception):
    """A line is refused; `name` is Labelbox's name for the reason."""

    def __init__(self, name: str, message: str) -> None:
        super().__init__(message)
        self.name = name


def invalid(path: str, why: str) -> Refused:
    """Something at a dotted path is wrong; the text is a printed Python dict, as the service sends it."""
    text: object = [why]
    for step in reversed(path.split(".")):
        text = {step: text}
    return Refused("ValidationError", str(text))


def bad_geometry(why: str) -> Refused:
    """The keys and types are right, the shape is not one."""
    return Refused("GeometryInvalid", f"Invalid geometry: {why}")
