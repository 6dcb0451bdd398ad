"""Fuzz the code that decodes foreign bytes, messages and frames, guided by coverage. To run by hand, not in CI.

    pip install atheris
    python benchmarks/fuzz.py [folder of inputs] -max_total_time=600

The first byte of an input chooses the target: if it is even, the rest is a message, which the publisher checks and the
worker renders; if it is odd, the rest is a frame. Only our own errors may be raised. Add each finding as a case to
tests/unit/validation/test_malformed.py or tests/unit/wire/test_frame.py.
"""

import sys

import atheris

with atheris.instrument_imports(include=["prelabel", "prelabel_worker"]):
    from prelabel.errors import MessageError
    from prelabel.validation.gate import prepare
    from prelabel.wire.frame import UnknownVersion, UnreadableFrame, read_header, read_messages
    from prelabel_worker.chunks.held_rows import facts_of
    from prelabel_worker.ontology.ontology import Ontology
    from prelabel_worker.rendering.row_builder import RowBuilder

TOOLS = ("rectangle", "polygon", "line", "point", "raster-segmentation", "named-entity", "edge")
OPTIONS = [{"value": "a", "label": "a"}, {"value": "b", "label": "b"}]
NORMALIZED = {
    "tools": [
        {"tool": tool, "name": tool, "featureSchemaId": f"c{at:024d}", "classifications": []}
        for at, tool in enumerate(TOOLS)
    ],
    "classifications": [
        {"type": kind, "name": kind, "instructions": kind, "featureSchemaId": f"d{at:024d}", "options": OPTIONS}
        for at, kind in enumerate(("radio", "checklist", "text"))
    ],
}
BUILDERS = [
    RowBuilder("p", Ontology.from_normalized(NORMALIZED, media))
    for media in ("IMAGE", "VIDEO", "TEXT", "PDF", "AUDIO", "CONVERSATIONAL", "TMS_GEO", None)
]


def one_input(data: bytes) -> None:
    if len(data) < 2:
        return
    choice, rest = data[0], data[1:]
    if choice % 2:
        frame(rest)
    else:
        message(rest, BUILDERS[(choice >> 1) % len(BUILDERS)])


def frame(data: bytes) -> None:
    try:
        header = read_header(data)
        assert len(read_messages(data)) == header.rows
    except (UnreadableFrame, UnknownVersion):
        return


def message(data: bytes, builder: RowBuilder) -> None:
    facts_of(data)
    try:
        prepared = prepare(data)
    except MessageError as error:
        assert len(str(error)) < 2_000, error.reason  # noqa: PT017 - not a test
        return
    # The worker must read whatever the publisher accepts: it may refuse it by the ontology, but never break.
    try:
        built = builder.build(prepared.raw)
    except MessageError:
        return
    assert built.lines.count(b"\n") == len(built.uuids) >= 1


if __name__ == "__main__":
    atheris.Setup(sys.argv, one_input)
    atheris.Fuzz()
