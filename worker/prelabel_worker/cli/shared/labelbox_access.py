"""Labelbox for a command: the key, where it may be sent, and the request budget of its account."""

from prelabel.wire.client import Client
from prelabel_worker.accounts import connection
from prelabel_worker.accounts.pacing import Pacer
from prelabel_worker.errors import ConfigurationError
from prelabel_worker.labelbox.client import Labelbox
from prelabel_worker.labelbox.errors import KeyMissing
from prelabel_worker.operations.undo import Service
from prelabel_worker.queries.status import Inspector
from prelabel_worker.settings import Settings


def pacer_of(client: Client, settings: Settings, account: str) -> Pacer:
    """Return a pacer for the account's request budget, which workers use too."""
    return Pacer(connection.permits_of(client, settings, account))


def open_labelbox(settings: Settings, account: str, timeout_seconds: float = 0) -> Labelbox:
    """Return a client for Labelbox with the account's key; the caller closes it.

    `timeout_seconds` 0 stands for the timeout of the settings. Raises ConfigurationError when there is no key, or when
    it would travel unencrypted.
    """
    try:
        return connection.open_labelbox(settings, account, timeout_seconds)
    except KeyMissing:
        raise ConfigurationError(
            f"there is no API key for account {account}: set PRELABEL_LABELBOX_API_KEY, or PRELABEL_ACCOUNT_KEYS"
        ) from None


class Services:
    """Labelbox for one project with the key of any account; each account is opened when it is first needed."""

    def __init__(self, client: Client, settings: Settings, project_id: str, timeout_seconds: float = 0) -> None:
        self._client = client
        self._settings = settings
        self._project = project_id
        self._timeout = timeout_seconds
        self._open: dict[str, Service] = {}

    def of(self, account: str = "") -> Service:
        """Return Labelbox with the key of this account, or else of the project's. Raises ConfigurationError."""
        settings = self._settings
        if not account:
            overrides = Inspector(self._client, settings.key_prefix).overrides(self._project)
            account = overrides.get("account") or settings.account
        if account not in self._open:
            labelbox = open_labelbox(settings, account, self._timeout)
            self._open[account] = Service(labelbox, pacer_of(self._client, settings, account))
        return self._open[account]

    def close(self) -> None:
        """Close the connections."""
        for service in self._open.values():
            service.labelbox.close()
