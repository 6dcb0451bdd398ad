"""pyannote.core writes who speaks when as RTTM."""

from pyannote.core import Annotation, Segment

from tests.frameworks.report import Output, place, release

if __name__ == "__main__":
    here = place()
    with (here.folder / "calls.rttm").open("w") as file:
        for recording in ("vhf-12", "vhf-13"):
            turns = Annotation(uri=recording)
            turns[Segment(0.5, 2.25), "A"] = "SPEAKER_00"
            turns[Segment(2.0, 4.5), "B"] = "SPEAKER_01"
            turns.write_rttm(file)
    here.report(release("pyannote-core"), Output("turns of 2 recordings as RTTM", 4, 2, "rttm", "calls.rttm", "AUDIO"))
