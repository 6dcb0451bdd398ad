"""Every command by name, in the order of the help: where its function is, and what it does in one sentence.

The sentences repeat the first sentence of each function's docstring, and a test compares them: help must not import
forty modules to find them.
"""

from collections.abc import Mapping

from prelabel_worker.cli.lazy_group import Declared, Noun

COMMANDS: Mapping[str, Declared | Noun] = {
    "demo": Declared(
        "local.demo:demo",
        "Publish rows, some of them bad, to the sandbox, with an outage halfway, and show that the counts balance.",
    ),
    "up": Declared("local.up:up", "Run Redis, the sandbox, workers and the console here until interrupted."),
    "worker": Declared("local.worker:worker", "Run a worker: it groups, submits, polls and settles."),
    "publish": Declared("publish.command:publish", "Publish predictions from a file."),
    "gateway": Declared(
        "publish.gateway:gateway",
        "Accept predictions over HTTP and publish them: JSON, NDJSON and CloudEvents, from any language.",
    ),
    "validate": Declared(
        "publish.validate:command",
        "Check predictions without publishing: exit code 1 when a line or a record would be refused.",
    ),
    "status": Declared(
        "health.status:status", "Show what became of every row, by project, and which workers are alive."
    ),
    "wait": Declared("health.wait:wait", "Wait until no row is pending."),
    "audit": Declared("health.audit:audit", "Reconcile the counts of every project and say where they differ."),
    "doctor": Declared("health.doctor:doctor", "Check Redis, the broker, workers, Labelbox and projects."),
    "healthy": Declared(
        "health.healthy:healthy",
        "Check that the workers of this host tick and make progress: exit code 0, or 1 with the reason.",
    ),
    "metrics": Declared(
        "health.metrics:metrics",
        "Serve metrics for Prometheus at http://HOST:PORT/metrics: rows, chunks, dead letters, accounts, workers.",
    ),
    "console": Declared(
        "health.console:console", "Serve web pages that show what happens to rows, and on which operators act."
    ),
    "actions": Declared(
        "project.actions:actions",
        "List what operators did to projects, dead letters, imports and accounts, newest first.",
    ),
    "account": Noun(
        "Accounts: list, pause, resume.",
        {
            "list": Declared(
                "project.account:list_accounts",
                "List the accounts: requests a minute, why they are stopped, projects, and workers that have the key.",
            ),
            "pause": Declared(
                "project.account:pause",
                "Stop an account's uploads; rows are still accepted, and running imports are still polled and settled.",
            ),
            "resume": Declared(
                "project.account:resume",
                "End everything that stops an account, whoever began it, and close its breaker.",
            ),
        },
    ),
    "batch": Noun(
        "Batches: create.",
        {
            "create": Declared("setup.batch:create", "Put data rows into a project, once Labelbox has processed them."),
        },
    ),
    "bridge": Noun(
        "Bridges from brokers and folders: redis, folder, kafka, nats, sqs.",
        {
            "redis": Declared("publish.bridge:redis_stream", "Publish the records of a Redis stream."),
            "folder": Declared("publish.bridge:folder", "Publish the lines of JSON files in a folder, as they grow."),
            "kafka": Declared("publish.bridge:kafka", "Publish the records of a Kafka topic."),
            "nats": Declared("publish.bridge:nats", "Publish the messages of a NATS JetStream subject."),
            "sqs": Declared(
                "publish.bridge:sqs",
                "Publish the messages of an SQS queue; boto3 finds region and keys as for every program of AWS.",
            ),
        },
    ),
    "dataset": Noun(
        "Datasets: add.",
        {
            "add": Declared("setup.dataset:add", "Add data rows to a dataset."),
        },
    ),
    "dead": Noun(
        "Dead letters: list, show, edit, retry, export, discard.",
        {
            "list": Declared("dead.list:list_dead_letters", "List dead letters, newest first."),
            "groups": Declared(
                "dead.list:groups", "List groups of dead letters that have the same cause, largest first."
            ),
            "show": Declared(
                "dead.show:show",
                "Show one dead letter: why it died, what Labelbox answered, the message, and what you can do.",
            ),
            "edit": Declared("dead.edit:edit", "Change a dead letter's message and retry it."),
            "retry": Declared("dead.retry:retry", "Send dead letters back to their lanes, as they are or edited."),
            "export": Declared("dead.export:export", "Write dead letters to a file, without changing them."),
            "discard": Declared("dead.discard:discard", "Delete dead letters for good; their rows count as discarded."),
        },
    ),
    "import": Noun(
        "Imports: list, show, retry, undo.",
        {
            "undo": Declared("imports.undo:undo", "Delete imports at Labelbox; their rows count as discarded."),
            "list": Declared(
                "imports.command:list_imports",
                "List chunks and their imports: first those in progress, then the settled ones, newest first.",
            ),
            "show": Declared(
                "imports.command:show", "Show one import: its chunk, attempts, times, and what became of its rows."
            ),
            "retry": Declared(
                "imports.command:retry",
                "Retry at once the chunks that a defect has stopped, of all projects or of one.",
            ),
        },
    ),
    "notify": Noun(
        "Notifications: list, test.",
        {
            "list": Declared(
                "health.notify:list_told", "List the troubles that were told and still hold, oldest first."
            ),
            "test": Declared(
                "health.notify:send_test",
                "Send a test message to PRELABEL_NOTIFY_URL and say what the receiver answered.",
            ),
        },
    ),
    "ontology": Noun(
        "Ontologies: infer, create, list, show.",
        {
            "infer": Declared(
                "setup.ontology:infer",
                "Propose an ontology that accepts a file of predictions, as JSON for `ontology create`.",
            ),
            "create": Declared("setup.ontology:create", "Create an ontology and print its id."),
            "list": Declared("setup.ontology:list_ontologies", "List ontologies of the account."),
            "show": Declared(
                "setup.ontology:show",
                "Show an ontology's features; --json prints what `ontology create` and `validate --ontology` read.",
            ),
        },
    ),
    "project": Noun(
        "Projects: create, list, show, pause, resume, flush, refresh, retry, set, purge, forget.",
        {
            "create": Declared(
                "project.create:create",
                "Create a project, connect the ontology, show pre-labels to labelers, and print the project's id.",
            ),
            "show": Declared(
                "project.show:show", "Show one project: its rows, its settings, and its chunks in progress."
            ),
            "forget": Declared(
                "project.forget:forget",
                "Remove names that no project can have, or a project's keys of a wrong type, which hold no rows.",
            ),
            "purge": Declared(
                "project.purge:purge",
                "Discard all rows of a project that have no outcome yet, and its dead letters, without uploading them.",
            ),
            "list": Declared("project.command:list_projects", "List the known projects and what became of their rows."),
            "pause": Declared(
                "project.command:pause",
                "Stop a project's uploads; rows are still accepted, and running imports are still settled.",
            ),
            "resume": Declared(
                "project.command:resume", "End a pause, whoever began it, and give up a purge that has not ended."
            ),
            "flush": Declared(
                "project.command:flush", "Import the waiting rows now, before their linger time is over."
            ),
            "refresh": Declared(
                "project.command:refresh",
                "Have the workers fetch the project's ontology again before they check the next rows.",
            ),
            "retry": Declared(
                "project.command:retry",
                "Try all retrying rows again now, for example after adding the missing data rows.",
            ),
            "set": Declared(
                "project.command:set_overrides",
                "Override the workers' settings for one project; the value `default` removes an override.",
            ),
        },
    ),
    "row": Noun(
        "Rows: show.",
        {
            "show": Declared(
                "project.row:show", "Show where a data row's messages are: waiting, in a chunk, imported, dead."
            ),
        },
    ),
    "sandbox": Noun(
        "The sandbox, a local Labelbox.",
        {
            "run": Declared("local.sandbox:run", "Run the sandbox in the foreground; it prints its address."),
            "project": Declared(
                "local.sandbox:project", "Create a project in the sandbox, or replace its ontology and data rows."
            ),
        },
    ),
    "spool": Noun(
        "Spools of publishers: list, send.",
        {
            "list": Declared("publish.spool:list_", "List rows that wait on the disk, by slot and project."),
            "send": Declared("publish.spool:send", "Send the rows that publishers left on the disk when they ended."),
        },
    ),
}
