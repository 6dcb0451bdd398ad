"""Chaos at the doors: gateways and bridges are killed, Redis is away for a minute, and every record is accounted for.

    python -m tests.chaos.doors --seed 1 --seconds 960 --kills 70

`records` (no I/O) makes what each door gets, `plan` (no I/O) says what is broken when, `sources` are the brokers and
the folder, `writer` fills them, `client` posts to the gateways as the documentation says, `site` has the processes,
`driver` breaks them, `judge` compares what came in with what went out, `table` says it all in one page.
"""
