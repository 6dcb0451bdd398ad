"""Every key in Redis: its name, its type, its meaning.

All keys of one project share the root `<prefix>:{<project>}`. The braces make a Redis Cluster keep them in one
slot, so that one script can change them together; scripts are given the root and append the names below.

Under a project's root:

| name | type | meaning |
|---|---|---|
| `meta` | hash | `lanes`, `form` (`i` or `k`), `seq` (last arrival number), `lingerMs`, `chunkRows`, |
|  |  | `pausedUntil`, `pauseReason`, `historyBytes`, `flushedSeq`, |
|  |  | `leftovers` (annotations ever left of older messages), |
|  |  | `overridden` (rows imported over an earlier one of here), `deadByPolicy` (dead letters ever made by it), |
|  |  | `undoneRows` (rows of imports that were undone, among the discarded), |
|  |  | `openMost` (chunks it may have open now), `openBound` (by the settings), `openFewerMs` (last halved), |
|  |  | `openMoreMs` (when it may grow), `importMs` (how long imports take), |
|  |  | `deadLetterMs` (how long dead letters are kept) |
| `overrides` | hash | what an operator has set, see `operations/overrides.py` |
| `counts` | hash | rows: `published`, `imported`, `superseded`, `skipped`, `dead`, `discarded` |
| `frames` | hash | frame id → the frame's bytes, until all its rows are settled |
| `left` | hash | frame id → its rows that are not settled |
| `seen` | zset | frame id → ms when it was settled; a frame sent again is not counted again |
| `lane:<n>` | list | entries that wait: `kind id version rows bytes slow seq arrivedMs` |
| `inbox` | hash | `rows` that wait in all lanes; for lane n `<n>:rows`, `<n>:open` (its open chunks) |
| `chunks` | zset | chunk id → ms when it was cut |
| `chunk:<id>` | hash | `v` (newest version of what is in it), and see `chunks/chunk.py` |
| `chunk:<id>:aside` | bitmap | rows of the chunk that were set aside |
| `chunk:<id>:sent` | string | the uuids of the import's lines, see `chunks/sent_lines.py` |
| `chunk:<id>:past` | string | history entries of its rows that have their outcome |
| `chunk:<id>:refusals` | hash | of the bisection that began with it, since a success: `upload`, `import`; expires |
| `history` | zset | `<chunk id> <bytes>` → ms when it was settled |
| `history:<id>` | string | what became of the chunk's rows, see `chunks/history.py` |
| `undoing` | hash | chunk id → the head of its record: its import is being deleted |
| `undone` | hash | chunk id → ms when its import was undone, and its rows; goes with the record |
| `imported:<generation>:<n>` | set | digests of imported rows, where a policy needs them |
| `annotation_counts:<generation>:<level>:<n>` | hash | 6 bytes of a row key → its counts, see `annotation_counts.py` |
| `annotation_counts:<generation>` | string | the highest level in use |
| `annotation_counts:names` | hash | `f` and a feature's bytes, `m` and a model's name → its number |
| `timers` | zset | `group`, `retry`, `expire`, `chunk:<id>` → ms when due |
| `held` | hash | held id → its state as JSON |
| `held:body` | hash | held id → details and the original message |
| `held:rows` | hash | row key → held ids |
| `retrying` | zset | held id → ms when it is tried again |
| `retrying:queued` | zset | held id → ms when it was sent back: retrying rows that are being tried |
| `dead` | zset | held id → ms when it died |
| `dead:reason:<code>`, `dead:group:<print>` | zset | the same, by reason and by fingerprint |
| `dead:reasons`, `dead:groups` | hash | rows by reason, by fingerprint |
| `dead:sample` | hash | fingerprint → one held id |
| `dead:queued` | zset | held id → ms when it was sent back: retried dead letters that are being tried |
| `dead:messages` | hash | message id → held id of its latest dead letter |
| `actions` | list | what operators did with dead letters, newest first, see `operations/action_log.py` |
| `ontology` | hash | `normalized`, `mediaType`, `name`, `fetchedMs` |
| `ontology:flight` | string | there while a worker fetches it, at most 10 s |

An entry's kind is `f` (a frame) or `h` (a held row on its way back; its id is the held id).
"""

DEFAULT_PREFIX = "prelabel"


def project_root(prefix: str, project_id: str) -> str:
    """Return what every key of this project begins with."""
    return f"{prefix}:{{{project_id}}}"


def projects(prefix: str) -> str:
    """Sorted set of the known projects, scored by when to look at them next (ms); members are never removed."""
    return f"{prefix}:projects"


def account(prefix: str, name: str) -> str:
    """Hash of an account's budget and of what stops it; times in ms.

    `nextMs` (the next request at the steady rate), `lineMs` (when the last upload in the line asks again),
    `pollMs`, `pollSeats` (the next poll that waits, and how many imports may join it), `perMinute` (the limit),
    `factor`, `loweredMs` (the share of the rate after 429s, and since when), `minute`, `used`, `usedBefore` (requests
    in this minute and the one before);
    for each stop `throttled`, `paused`, `refused`: `<stop>Until`, `<stop>Why`, and `refusedKey`; of the breaker
    `failures` in a row, `openings` in a row, `openUntil`, `probeUntil`, `probeProject`. See scripts/account_lib.lua.
    """
    return f"{prefix}:account:{{{name}}}"


def actions(prefix: str) -> str:
    """List: what operators did with accounts, newest first, see `operations/action_log.py`."""
    return f"{prefix}:actions"


def priorities(prefix: str) -> str:
    """Hash: project → the weight of its turns, where an operator has set one."""
    return f"{prefix}:priorities"


def quarantine(prefix: str) -> str:
    """Hash: project → JSON of why its keys cannot be used (`ms`, `stage`, `detail`), see `quarantine/quarantine.py`.

    Only workers write it: it is outside the keys that the ACL of docs/how-to/run-in-production.md gives to publishers.
    """
    return f"{prefix}:quarantine"


def workers(prefix: str) -> str:
    """Hash: worker name → JSON of what it is and when it last ticked."""
    return f"{prefix}:workers"
