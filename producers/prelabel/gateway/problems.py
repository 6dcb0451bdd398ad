"""Why a request as a whole is not answered as usual."""

from prelabel.errors import PrelabelError


class Problem(PrelabelError):
    """The request cannot be read to its end, or must not be: the status of the answer, and a sentence for the sender.

    Rows that were read before it are published all the same, and have their results in the answer.
    """

    def __init__(self, status: int, text: str, retry_after: float | None = None) -> None:
        super().__init__(text)
        self.status = status
        #: Seconds after which to send the request again; None if that would not help.
        self.retry_after = retry_after
