"""Which release is installed."""

from importlib.metadata import version

__version__ = version("prelabel")
