"""Run all operations against a sandbox. Imports the SDK and pytest, nothing of the project: any Python may run this."""

import json
import sys
import tempfile
import traceback
import warnings
from pathlib import Path

# In this order: most operations need what was made before.
from tests.sandbox.sdk import (  # noqa: F401
    step1_data_rows,
    step2_projects,
    step4_batches,
    step6_imports,
    steps_by_medium,
    then_exports,
    then_features,
    then_lists,
    trouble,
)
from tests.sandbox.sdk.session import OPERATIONS, SINCE, session_at


def run(url: str, key: str) -> None:
    """Run all operations, and print one line of JSON for each."""
    warnings.simplefilter("ignore")
    with tempfile.TemporaryDirectory() as folder:
        session = session_at(url, key, Path(folder))
        release = int(session.lb.__version__.partition(".")[0])
        for name, function in OPERATIONS.items():
            if SINCE[name] > release:
                continue
            row = {"operation": name, "passed": True, "version": session.lb.__version__}
            try:
                function(session)
            except Exception:
                row.update(passed=False, error=traceback.format_exc()[-2000:])
            sys.stdout.write(json.dumps(row) + "\n")
            sys.stdout.flush()


if __name__ == "__main__":
    run(*sys.argv[1:])
