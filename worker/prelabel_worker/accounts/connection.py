"""Make an account's Labelbox client, and the account's request budget, from the settings. No other module does."""

from prelabel.wire.client import Client
from prelabel_worker.accounts.rate_limiter import Permits
from prelabel_worker.labelbox.api_keys import fingerprint
from prelabel_worker.labelbox.client import Labelbox
from prelabel_worker.labelbox.errors import KeyMissing
from prelabel_worker.labelbox.sent_request import Observe, ignore
from prelabel_worker.settings import Settings


def key_of(settings: Settings, account: str) -> str:
    """Return the account's API key. Raises KeyMissing."""
    key = settings.key_of(account)
    if key is None or not key.get_secret_value():
        raise KeyMissing(f"PRELABEL_ACCOUNT_KEYS of this worker has no key for account {account}")
    return key.get_secret_value()


def fingerprints(settings: Settings) -> dict[str, str]:
    """Return account → the fingerprint of the key that it has now."""
    return {account: fingerprint(key_of(settings, account)) for account in sorted(settings.accounts)}


def has_new_key(settings: Settings, account: str, key: str) -> bool:
    """Look at once whether the account has another key than this one by now, or none."""
    settings.look_at_key_files()
    current = settings.key_of(account)
    return current is None or current.get_secret_value() != key


def open_labelbox(settings: Settings, account: str, timeout_seconds: float = 0, observe: Observe = ignore) -> Labelbox:
    """Return a client with the account's key; the caller closes it. Without `timeout_seconds`, the settings' applies.

    `observe` is told of every request.
    Raises KeyMissing if the account has no key; ConfigurationError if the key would be sent unencrypted.
    """
    seconds = timeout_seconds or settings.request_timeout_seconds
    return Labelbox(settings.labelbox_endpoint, key_of(settings, account), seconds, observe)


def permits_of(client: Client, settings: Settings, account: str, fingerprint: str = "") -> Permits:
    """Return the account's request budget, which all processes share; for `fingerprint` see `Permits`."""
    per_minute, burst = settings.requests_per_minute, settings.request_burst
    return Permits(client, settings.key_prefix, account, per_minute, burst, fingerprint)
