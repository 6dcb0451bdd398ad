"""The example projects of `examples/assets`."""

import json
from pathlib import Path

ASSETS = Path(__file__).parents[3] / "examples/assets"


PROJECTS = {example["project"]["id"]: example for example in json.loads((ASSETS / "projects.json").read_text())}
