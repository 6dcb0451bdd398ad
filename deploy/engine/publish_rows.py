"""Publish rows at an even pace: `python - REDIS_URL PROJECT FIRST ROWS SECONDS`, in a container of the image.

It ends with exit code 0 once Redis has all of them, and prints how many.
"""

import sys
import time

from prelabel import BoundingBox, GlobalKey, Model, PredictionMessage, Publisher

url, project, first, rows, seconds = sys.argv[1], sys.argv[2], *map(int, sys.argv[3:])
begun = time.monotonic()
with Publisher(url) as publisher:
    for number in range(rows):
        publisher.publish(
            PredictionMessage(
                project_id=project,
                data_row=GlobalKey(f"flow-{first + number}"),
                model=Model("trial", "1"),
                annotations=[BoundingBox("vessel", left=10, top=20, width=30, height=40)],
            )
        )
        time.sleep(max(0.0, begun + seconds * number / rows - time.monotonic()))
sys.stdout.write(f"accepted {rows}\n")
