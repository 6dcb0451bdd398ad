"""Where `celery -A prelabel_worker worker` finds the app."""

import sys

from prelabel_worker.app import create_app
from prelabel_worker.errors import ConfigurationError
from prelabel_worker.settings import load_settings

try:
    app = create_app(load_settings())
except ConfigurationError as error:
    sys.exit(f"prelabel: {error}")
