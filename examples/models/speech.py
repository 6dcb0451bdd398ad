"""Find where somebody speaks in a recording, with WebRTC's voice activity detector, and publish the times.

pip install webrtcvad-wheels
python examples/models/speech.py [PROJECT]
"""

import sys
import wave
from collections.abc import Iterator
from itertools import groupby
from pathlib import Path
from typing import Any

import webrtcvad

from prelabel import Publisher

RECORDING = Path(__file__).parent / "calls.wav"
STEP_MS = 30  # the detector takes 10, 20 or 30 ms at a time
PAUSE_MS = 300  # a shorter pause does not end a call


def calls(path: Path) -> Iterator[tuple[int, int]]:
    """Yield the start and the end, in milliseconds, of each time in which somebody speaks."""
    with wave.open(str(path)) as file:
        rate, samples = file.getframerate(), file.readframes(file.getnframes())
    pcm = b"".join(((sample - 128) * 256).to_bytes(2, "little", signed=True) for sample in samples)  # 16 bits
    detector, size = webrtcvad.Vad(3), 2 * rate * STEP_MS // 1000
    steps = [detector.is_speech(pcm[at : at + size], rate) for at in range(0, len(pcm) - size + 1, size)]
    begun = ended = None
    for speaks, run in groupby(enumerate(steps), key=lambda step: step[1]):
        times = [number * STEP_MS for number, _ in run]
        if not speaks:
            continue
        if ended is not None and begun is not None and times[0] - ended > PAUSE_MS:
            yield begun, ended
            begun = None
        begun, ended = times[0] if begun is None else begun, times[-1] + STEP_MS
    if begun is not None and ended is not None:
        yield begun, ended


def messages(project_id: str) -> Iterator[dict[str, Any]]:
    """Yield the message of the recording."""
    frames = [{"start": start, "end": end} for start, end in calls(RECORDING)]
    yield {
        "projectId": project_id,
        "dataRow": {"globalKey": "vhf/calls.wav"},
        "model": {"name": "webrtcvad"},
        "annotations": [{"name": "speech", "answer": [{"name": "call", "frames": frames}]}] if frames else [],
    }


if __name__ == "__main__":
    with Publisher() as publisher:
        for message in messages(*sys.argv[1:2] or ["speech"]):
            publisher.publish(message)
