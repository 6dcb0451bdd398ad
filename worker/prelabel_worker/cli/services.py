"""Labelbox for a command, with the key and the budget of the account that a project, or an import of it, has."""

from prelabel.client import Client
from prelabel_worker.cli.live import pace_of
from prelabel_worker.doctor.service import endpoint
from prelabel_worker.errors import ConfigurationError
from prelabel_worker.inspector import Inspector
from prelabel_worker.labelbox import Labelbox
from prelabel_worker.settings import Settings
from prelabel_worker.undo import Service


class Services:
    """The accounts of one project, each opened when it is first asked for."""

    def __init__(self, client: Client, settings: Settings, project_id: str, timeout_seconds: float = 0) -> None:
        self._client = client
        self._settings = settings
        self._project = project_id
        self._timeout = timeout_seconds or settings.request_timeout_seconds
        self._open: dict[str, Service] = {}

    def of(self, account: str = "") -> Service:
        """Of this account; without a name, of the project's. Raises ConfigurationError."""
        settings = self._settings
        if not account:
            overrides = Inspector(self._client, settings.key_prefix).overrides(self._project)
            account = overrides.get("account") or settings.account
        if account not in self._open:
            self._open[account] = self._opened(account)
        return self._open[account]

    def _opened(self, account: str) -> Service:
        settings = self._settings
        safe = endpoint(settings.labelbox_endpoint)
        if not safe.good:
            raise ConfigurationError(f"{safe.found}: {safe.remedy}")
        key = settings.key_of(account)
        if key is None or not key.get_secret_value():
            raise ConfigurationError(f"there is no API key for account {account}")
        labelbox = Labelbox(settings.labelbox_endpoint, key.get_secret_value(), self._timeout)
        return Service(labelbox, pace_of(self._client, settings, account))

    def close(self) -> None:
        """Close the connections."""
        for service in self._open.values():
            service.labelbox.close()
