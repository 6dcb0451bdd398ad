"""BentoML's monitor writes files, which `prelabel bridge folder` publishes."""

import os
import subprocess
import sys
from pathlib import Path

from tests.frameworks.programs.bentoml_service import FRAMES, serve
from tests.frameworks.report import Output, Place, place, release

MAPPING = """
project = "{project}"
model = "detector"
global_key = "{{body.frame}}"

[output]
items = "boxes"
label = "class"
score = "score"
box = "at"
box_format = "xyxy"
"""


def publish(here: Place) -> None:
    """Publish what the monitor wrote."""
    (here.folder / "mapping.toml").write_text(MAPPING.format(project=here.project))
    folder = here.folder / "monitoring/detections/data"
    command = [str(Path(sys.executable).parent / "prelabel"), "bridge", "folder", str(folder), "--once"]
    command += ["--pattern", "data.*.log*", "--mapping", str(here.folder / "mapping.toml")]
    environment = os.environ | {"PRELABEL_REDIS_URL": here.redis_url, "PRELABEL_KEY_PREFIX": here.key_prefix}
    subprocess.run(command, env=environment, check=True)


if __name__ == "__main__":
    place_here = place()
    serve(place_here.elsewhere())
    publish(place_here)
    what = "files of its monitor, through prelabel bridge folder"
    place_here.report(release("bentoml"), Output(what, len(FRAMES), len(FRAMES), "published"))
