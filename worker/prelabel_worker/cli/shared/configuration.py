"""The settings of a command."""

from prelabel_worker.cli.shared.terminal import say
from prelabel_worker.settings import Settings, load_settings, read_settings
from prelabel_worker.stack import stack_file


def settings_for(redis_url: str | None = None) -> Settings:
    """Read the settings: the option, then the environment, then the running stack's file.

    Says which Redis is used when none of them names one: otherwise rows could go where nobody expects them. The file
    holds an endpoint together with its key; no key from another source is sent to that endpoint.
    """
    option = {"redis_url": redis_url} if redis_url else {}
    if "redis_url" in read_settings(**option).model_fields_set:
        return load_settings(**option)
    stack = stack_file.read()
    if stack is None:
        settings = load_settings()
        say(f"no stack runs here and PRELABEL_REDIS_URL is not set: using the Redis at {settings.state}")
        return settings
    return load_settings(
        account_keys={},
        redis_url=stack.redis_url,
        broker_url=stack.broker_url,
        labelbox_endpoint=stack.labelbox_endpoint,
        labelbox_api_key=stack.labelbox_api_key,
    )
