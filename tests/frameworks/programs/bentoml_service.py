"""A service of BentoML with a decorated endpoint answers over HTTP, while BentoML's monitor writes its files."""

import json
import os
import subprocess
import sys
from pathlib import Path

from tests.frameworks.report import Output, Place, answered, free_port, place, release

FRAMES = [f"cam-1/{number:06}.jpg" for number in range(5)]
SERVICE = """
import os

import bentoml

from prelabel.serving import ServingPublisher

predictions = ServingPublisher(
    redis_url=os.environ["FLEET_REDIS"], key_prefix=os.environ["FLEET_PREFIX"], spool_dir=os.environ["FLEET_SPOOL"]
)


def message(boxes, detector, frame):
    return {"projectId": os.environ["FLEET_PROJECT"], "dataRow": {"globalKey": frame}, "annotations": boxes}


@bentoml.service
class Detector:
    @bentoml.api
    @predictions.publishes(message)
    def detect(self, frame: str) -> list[dict]:
        box = {"top": 1, "left": 2, "height": 3, "width": 4}
        with bentoml.monitor("detections", "default", {"log_path": os.environ["FLEET_MONITOR"]}) as monitor:
            monitor.log(frame, name="frame", role="feature", data_type="categorical")
            found = [{"class": "car", "score": 0.5, "at": [1.0, 2.0, 11.0, 22.0]}]
            monitor.log(found, name="boxes", role="prediction", data_type="numerical_sequence")
        return [{"name": "car", "confidence": 0.5, "bbox": box}]

    @bentoml.on_shutdown
    def shutdown(self) -> None:
        predictions.close()
"""


def serve(here: Place) -> None:
    """Ask a service for the boxes of all frames, and end it."""
    (here.folder / "service.py").write_text(SERVICE)
    environment = os.environ | {
        "FLEET_REDIS": here.redis_url,
        "FLEET_PREFIX": here.key_prefix,
        "FLEET_PROJECT": here.project,
        "FLEET_SPOOL": str(here.folder / "spool"),
        "FLEET_MONITOR": str(here.folder / "monitoring"),
        "BENTOML_HOME": str(here.folder / "home"),
        "BENTOML_DO_NOT_TRACK": "true",
    }
    port = free_port()
    command = [str(Path(sys.executable).parent / "bentoml"), "serve", "service:Detector", "--port", str(port)]
    server = subprocess.Popen(command, env=environment)
    try:
        answered(port, "/readyz")
        for frame in FRAMES:
            assert json.loads(answered(port, "/detect", json.dumps({"frame": frame}).encode()))
    finally:
        server.terminate()
        server.wait(60)


if __name__ == "__main__":
    place_here = place()
    serve(place_here)
    place_here.report(release("bentoml"), Output("answers of a service", len(FRAMES), len(FRAMES), "published"))
