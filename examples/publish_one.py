"""The first thing a fleet writes: one prediction, published."""

import sys

from prelabel import BoundingBox, GlobalKey, Model, PredictionMessage, Publisher

redis_url = sys.argv[1] if len(sys.argv) > 1 else "redis://localhost:6379/0"

with Publisher(redis_url) as publisher:
    publisher.publish(
        PredictionMessage(
            project_id="demo-project",
            data_row=GlobalKey("cam-1/000184.jpg"),
            model=Model("yolo", "11s"),
            annotations=[BoundingBox("vessel", left=10, top=20, width=30, height=40)],
        )
    )
