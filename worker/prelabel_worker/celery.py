"""The module in which `celery -A prelabel_worker worker` finds the app."""

from prelabel_worker.errors import ConfigurationError
from prelabel_worker.runtime.app import create_app, end
from prelabel_worker.settings import load_settings

try:
    app = create_app(load_settings())
except ConfigurationError as error:
    end(error)
