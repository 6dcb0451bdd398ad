"""Chaos: producers, workers, Redis and the sandbox are killed and stopped, then every row is compared.

    python -m tests.chaos --seed 1 --seconds 1700 --rows 1000000 --kills 110

`workload` (no I/O) makes the messages, `producer` publishes it and keeps a `journal`, `plan` (no I/O) says what is
broken when, `site` breaks it, `recovery` measures, `driver` runs the plan, `compare` (pure) holds what stands in
Labelbox against what was published, `leaks` searches for secrets, `table` says it all in one page.
"""
