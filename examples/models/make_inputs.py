"""Make the inputs of the examples: two drawn faces, a drawn sign, and a recording with pauses. Needs OpenCV.

python examples/models/make_inputs.py
"""

import wave
from pathlib import Path

import cv2
import numpy as np

HERE = Path(__file__).parent
#: Seconds of examples/assets/vhf.wav that are taken, and the pause after each.
PARTS = [(1.0, 2.5, 0.9), (3.5, 5.5, 1.2), (6.0, 7.2, 0.8)]


def draw_face(picture: np.ndarray, x: int, y: int, size: int) -> None:
    """Draw ellipses as light and dark as the parts of a face: hair, skin, forehead, eyes, cheeks, nose, mouth."""

    def ellipse(right: float, down: float, width: float, height: float, grey: int) -> None:
        centre = (int(x + right * size), int(y + down * size))
        cv2.ellipse(picture, centre, (int(width * size), int(height * size)), 0, 0, 360, (grey,), -1, cv2.LINE_AA)

    ellipse(0, -0.12, 0.80, 1.02, 50)
    ellipse(0, 0.05, 0.66, 0.92, 190)
    ellipse(0, -0.62, 0.55, 0.28, 200)
    for side in (-1, 1):
        ellipse(side * 0.28, -0.16, 0.20, 0.10, 90)
        ellipse(side * 0.28, -0.14, 0.10, 0.06, 30)
        ellipse(side * 0.28, -0.30, 0.20, 0.05, 60)
        ellipse(side * 0.36, 0.22, 0.17, 0.16, 215)
    ellipse(0, 0.05, 0.07, 0.26, 215)
    ellipse(0, 0.27, 0.13, 0.06, 140)
    ellipse(0, 0.52, 0.24, 0.07, 90)


def make_faces() -> None:
    """Draw two faces, of which one is farther away."""
    picture = np.full((480, 640), 150, np.uint8)
    draw_face(picture, 200, 240, 120)
    draw_face(picture, 470, 220, 80)
    cv2.imwrite(str(HERE / "faces.png"), cv2.GaussianBlur(picture, (0, 0), 3))


def make_sign() -> None:
    """Write two lines, as on the stern of a ship."""
    picture = np.full((240, 640, 3), 235, np.uint8)
    for text, down in (("LISBETH VOLLMER", 90), ("OSTERMOUTH 2207", 190)):
        cv2.putText(picture, text, (30, down), cv2.FONT_HERSHEY_SIMPLEX, 1.8, (60, 30, 20), 4, cv2.LINE_AA)
    cv2.imwrite(str(HERE / "sign.png"), picture)


def make_recording() -> None:
    """Put parts of a recording one after the other, with pauses."""
    with wave.open(str(HERE.parent / "assets/vhf.wav")) as source:
        rate, samples = source.getframerate(), source.readframes(source.getnframes())
    pieces = [
        samples[int(start * rate) : int(end * rate)] + bytes([128]) * int(pause * rate) for start, end, pause in PARTS
    ]
    with wave.open(str(HERE / "calls.wav"), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(1)
        file.setframerate(rate)
        file.writeframes(b"".join(pieces))


if __name__ == "__main__":
    make_faces()
    make_sign()
    make_recording()
