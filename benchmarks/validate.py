"""Measure what checking a file costs: messages and plain NDJSON of five boxes, in one process, from the disk.

    python benchmarks/validate.py [--rows 100000]

Figures are data rows and lines in a second of CPU time. Making the files is not measured.
"""

import argparse
import random
import tempfile
import time
from collections.abc import Iterable
from pathlib import Path

import orjson
from rows import KINDS, ONTOLOGY, message

from prelabel.readers.ndjson import LineOptions, read_lines
from prelabel_worker.ontology.ontology import Ontology
from prelabel_worker.rendering.file_validation import Check, OfProject, structure, validate


def write(path: Path, lines: Iterable[object]) -> Path:
    with path.open("wb") as file:
        file.writelines(orjson.dumps(line) + b"\n" for line in lines)
    return path


def make(folder: Path, rows: int) -> dict[str, Path]:
    messages = [message(KINDS["5 boxes"]()) | {"dataRow": {"globalKey": f"cam-1/{at:08d}.jpg"}} for at in range(rows)]
    plain = [{"dataRow": row["dataRow"], **annotation} for row in messages for annotation in row["annotations"]]
    files = {"messages": write(folder / "messages", messages), "plain, in order": write(folder / "plain", plain)}
    random.Random(7).shuffle(plain)
    return files | {"plain, shuffled": write(folder / "shuffled", plain)}


def measure(name: str, path: Path, rows: int, check: Check) -> None:
    began = time.process_time()
    with path.open("rb") as file:
        report = validate(read_lines(file, LineOptions("p")), check, 20)
    seconds = time.process_time() - began
    assert report.invalid == 0, report.errors[:1]
    print(f"{name:32} {rows / seconds:10,.0f} rows/s {report.lines / seconds:10,.0f} lines/s")


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--rows", type=int, default=100_000)
    rows = parser.parse_args().rows
    ontology = Ontology.from_normalized(ONTOLOGY, "IMAGE")
    with tempfile.TemporaryDirectory() as folder:
        for name, path in make(Path(folder), rows).items():
            measure(f"{name}, structure", path, rows, structure)
            measure(f"{name}, with an ontology", path, rows, OfProject(ontology))


if __name__ == "__main__":
    main()
