"""Whisper transcribes a recording with a small model of random weights, and writes JSON with its own writer.

Its words have no meaning; segments, times and scores have the form that trained weights give.
"""

import json
import wave

import numpy as np
import torch
import whisper
from whisper.model import ModelDimensions, Whisper
from whisper.utils import get_writer

from tests.frameworks.report import ROOT, Output, place, release

SIZES = ModelDimensions(80, 1500, 32, 2, 1, 51865, 448, 32, 2, 1)


def recording() -> np.ndarray:
    """Return 20 s of a recording, at 16 kHz."""
    with wave.open(str(ROOT / "examples/assets/vhf.wav")) as file:
        rate, samples = file.getframerate(), file.readframes(20 * file.getframerate())
    signal = (np.frombuffer(samples, np.uint8).astype(np.float32) - 128) / 128
    at = np.arange(0, len(signal), rate / 16000)
    return np.interp(at, np.arange(len(signal)), signal).astype(np.float32)


if __name__ == "__main__":
    here = place()
    torch.manual_seed(5)
    found = whisper.transcribe(
        Whisper(SIZES).eval(), recording(), language="en", fp16=False, temperature=0.0, sample_len=24,
        no_speech_threshold=None, logprob_threshold=None, compression_ratio_threshold=None,
        condition_on_previous_text=False,
    )  # fmt: skip
    get_writer("json", str(here.folder))(found, "vhf.wav")
    count = len(json.loads((here.folder / "vhf.json").read_text("utf-8"))["segments"])
    here.report(
        release("openai-whisper"), Output("segments with random weights", count, 1, "whisper", "vhf.json", "AUDIO")
    )
