"""Measure how long `close()` takes when each of 5,000 projects has 20 waiting rows.

    python benchmarks/flush_projects.py [--projects 5000] [--rows 20] [--json]

One process publishes its rows, project after project in turn, and closes its Publisher, which has 30 s for the rest
by default. Every row must be in Redis then.
"""

import argparse
import json
import tempfile
from pathlib import Path

from many_projects import measure
from publish import Server


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--projects", type=int, default=5_000)
    parser.add_argument("--rows", type=int, default=20, help="for each project")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        server = Server(Path(folder))
        server.start()
        figures = measure(server, options.projects * options.rows, options.projects)
        server.kill()
    if options.json:
        print(json.dumps(figures))
        return
    print(
        f"{options.projects * options.rows:,} rows of {options.projects:,} projects: close() took "
        f"{figures['close']:.1f} s, all of it {figures['seconds']:.1f} s"
    )


if __name__ == "__main__":
    main()
