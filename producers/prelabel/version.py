"""The version of the installed release."""

from importlib.metadata import version

__version__ = version("prelabel")
