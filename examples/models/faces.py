"""Find faces in a picture, with a cascade that OpenCV brings, and publish boxes.

pip install 'opencv-python-headless<5'     # OpenCV 5 has no cascades any more
python examples/models/faces.py [PROJECT]
"""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2

from prelabel import Publisher

PICTURE = Path(__file__).parent / "faces.png"


def messages(project_id: str) -> Iterator[dict[str, Any]]:
    """Yield the message of the picture."""
    model = cv2.CascadeClassifier(cv2.data.haarcascades + "haarcascade_frontalface_alt.xml")
    boxes = model.detectMultiScale(cv2.imread(str(PICTURE), cv2.IMREAD_GRAYSCALE), 1.1, 3)
    yield {
        "projectId": project_id,
        "dataRow": {"globalKey": "portraits/faces.png"},
        "model": {"name": "haarcascade-frontalface-alt"},
        "annotations": [
            {"name": "face", "bbox": {"left": left, "top": top, "width": width, "height": height}}
            for left, top, width, height in boxes  # of NumPy's integers, which a publisher takes
        ],
    }


if __name__ == "__main__":
    with Publisher() as publisher:
        for message in messages(*sys.argv[1:2] or ["faces"]):
            publisher.publish(message)
