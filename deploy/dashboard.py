"""Make the dashboard `deploy/grafana/prelabel.json` from the panels below; `make format` runs it.

python -m deploy.dashboard [--check]
"""

import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import count
from pathlib import Path

from grafana_foundation_sdk.builders.common import ReduceDataOptions, VizLegendOptions, VizTooltipOptions
from grafana_foundation_sdk.builders.dashboard import (
    Dashboard,
    DashboardLink,
    DatasourceVariable,
    QueryVariable,
    Row,
)
from grafana_foundation_sdk.builders.prometheus import Dataquery
from grafana_foundation_sdk.builders.stat import Panel as StatPanel
from grafana_foundation_sdk.builders.timeseries import Panel as TimePanel
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models.common import LegendDisplayMode, SortOrder, TooltipDisplayMode
from grafana_foundation_sdk.models.dashboard import (
    DashboardLinkType,
    DataSourceRef,
    VariableRefresh,
)

FILE = Path(__file__).parent / "grafana" / "prelabel.json"
_SOURCE = DataSourceRef(type_val="prometheus", uid="${datasource}")
_P, _A = 'project=~"$project"', 'account=~"$account"'


@dataclass(frozen=True, slots=True)
class Query:
    """One query of a panel: its PromQL, and the name of its lines."""

    expr: str
    legend: str = ""


@dataclass(frozen=True, slots=True)
class Panel:
    """One panel: what it shows, in which unit, and what to look for in it."""

    title: str
    queries: Sequence[Query]
    description: str
    #: A unit of Grafana's; none for a plain number.
    unit: str = "short"
    #: Of 24 columns.
    width: int = 8
    #: A single number instead of lines.
    stat: bool = False
    stacked: bool = False


def _quantile(share: float, name: str, by: str, where: str) -> str:
    return f"histogram_quantile({share}, sum by ({by}) (rate({name}_bucket{{{where}}}[$__rate_interval])))"


def _number(title: str, expr: str, description: str, unit: str = "short", legend: str = "") -> Panel:
    return Panel(title, [Query(expr, legend)], description, unit, width=4, stat=True)


def _a_minute(name: str, by: str, where: str) -> str:
    return f"sum by ({by}) (rate({name}{{{where}}}[$__rate_interval])) * 60"


ROWS: dict[str, list[Panel]] = {
    "Overview": [
        _number("Waiting rows", "sum(prelabel_waiting_rows)", "Pending rows in no chunk yet."),
        _number("Oldest waiting row", "max(prelabel_oldest_waiting_seconds)", "How late labelers may be.", "s"),
        _number(
            "Retrying rows", "sum(prelabel_retrying_rows)", "Held and tried again, such as for a missing data row."
        ),
        _number("Dead letters", "sum(prelabel_dead_letters)", "Rows that somebody must look at."),
        _number(
            "Workers", "sum by (role) (prelabel_workers)", "Workers that ticked within a minute.", legend="{{role}}"
        ),
        _number("Redis answers", "min(prelabel_redis_up)", "0: Redis is down, and there is no other figure."),
        Panel(
            "Rows a minute",
            [
                Query("sum(rate(prelabel_published_rows_total[$__rate_interval])) * 60", "published"),
                Query(_a_minute("prelabel_settled_rows_total", "result", ""), "{{result}}"),
            ],
            "In and out. Where they part for long, rows wait.",
        ),
        Panel(
            "Freshness: from published to imported",
            [
                Query(_quantile(share, "prelabel_freshness_seconds", "le", ""), f"p{100 * share:.0f}")
                for share in (0.5, 0.95, 0.99)
            ],
            "Of the rows that were imported in the interval; rows that still wait are not among them.",
            "s",
        ),
        Panel(
            "Share of rows later than 300 s",
            [
                Query(
                    f'1 - sum(rate(prelabel_freshness_seconds_bucket{{le=~"300(\\\\.0)?"}}[{window}])) '
                    f"/ sum(rate(prelabel_freshness_seconds_count[{window}]))",
                    window,
                )
                for window in ("5m", "1h", "6h")
            ],
            "The objective allows 1 %. The alerts fire at 14.4 % over an hour and 6 % over six.",
            "percentunit",
        ),
    ],
    "Projects": [
        Panel(
            "Waiting rows",
            [Query(f"prelabel_waiting_rows{{{_P}}} > 0", "{{project}}")],
            "By project; those without waiting rows are left out.",
        ),
        Panel(
            "Oldest waiting row",
            [Query(f"prelabel_oldest_waiting_seconds{{{_P}}} > 0", "{{project}}")],
            "A line that rises steadily is a project that stands still.",
            "s",
        ),
        Panel(
            "Freshness p95",
            [Query(_quantile(0.95, "prelabel_freshness_seconds", "le, project", _P), "{{project}}")],
            "Which project has the late rows.",
            "s",
        ),
        Panel(
            "Rows a minute",
            [Query(_a_minute("prelabel_settled_rows_total", "project", f'{_P},result="imported"'), "{{project}}")],
            "Imported, by project.",
        ),
        Panel(
            "Chunks in progress",
            [Query(f"sum by (state) (prelabel_chunks{{{_P}}})", "{{state}}")],
            "By state: many that are `running` wait for Labelbox, many that are `waiting` for the budget.",
            stacked=True,
        ),
        Panel(
            "Paused, being purged, retrying",
            [
                Query(f"prelabel_project_paused{{{_P}}} == 1", "paused: {{project}}"),
                Query(f"prelabel_project_purging{{{_P}}} == 1", "purging: {{project}}"),
                Query(f"prelabel_retrying_rows{{{_P}}} > 0", "retrying: {{project}}"),
            ],
            "Rows of these projects wait on purpose, or for something that somebody must add.",
        ),
    ],
    "Accounts": [
        Panel(
            "Requests of the last minute against the limit",
            [
                Query(f"prelabel_account_used_requests{{{_A}}}", "{{account}} used"),
                Query(f"prelabel_account_rate_requests{{{_A}}}", "{{account}} allowed now"),
                Query(f"prelabel_account_limit_requests{{{_A}}}", "{{account}} limit"),
            ],
            "Used close to allowed: the budget is what bounds the rate.",
        ),
        Panel(
            "Requests a minute",
            [Query(_a_minute("prelabel_api_requests_total", "operation, status", _A), "{{operation}} {{status}}")],
            "By operation and status.",
        ),
        Panel(
            "Seconds a request, p95",
            [Query(_quantile(0.95, "prelabel_api_request_seconds", "le, operation", _A), "{{operation}}")],
            "Uploads take as long as their files are large.",
            "s",
        ),
        Panel(
            "Stopped, or breaker open",
            [
                Query(f"prelabel_account_stopped{{{_A}}}", "{{account}} {{kind}}"),
                Query(f'1 - prelabel_account_breaker{{{_A},state="closed"}} > 0', "{{account}} breaker"),
            ],
            "1 while something stops requests.",
            width=12,
        ),
        Panel(
            "Stalled workers",
            [Query("prelabel_worker_stalled_seconds", "{{worker}}")],
            "Seconds with work and without progress.",
            "s",
            width=12,
        ),
    ],
    "Errors": [
        Panel(
            "Rows that died, a minute",
            [Query(_a_minute("prelabel_died_rows_total", "reason", _P), "{{reason}}")],
            "By reason.",
            stacked=True,
        ),
        Panel(
            "Dead letters",
            [Query(f"sum by (reason) (prelabel_dead_letters{{{_P}}})", "{{reason}}")],
            "What is left to do; `prelabel dead groups` has the causes.",
            stacked=True,
        ),
        Panel(
            "Requests that failed, a minute",
            [
                Query(
                    _a_minute("prelabel_api_requests_total", "account, status", f'{_A},status!="200"'),
                    "{{account}} {{status}}",
                )
            ],
            "They are repeated: rows are late, not lost.",
        ),
        Panel(
            "What must not be",
            [
                Query("sum(prelabel_stuck_chunks)", "stuck chunks"),
                Query("sum by (kind) (prelabel_quarantined_projects)", "quarantined: {{kind}}"),
                Query("count(prelabel_audit_balanced == 0)", "projects that do not balance"),
            ],
            "Any line above 0 is a defect, or somebody else's write to this Redis.",
        ),
        Panel(
            "Redis memory",
            [
                Query('prelabel_redis_memory_bytes{kind="used"}', "{{server}} used"),
                Query('prelabel_redis_memory_bytes{kind="max"} > 0', "{{server}} limit"),
            ],
            "At 85 % of the limit Redis accepts no more rows.",
            "bytes",
        ),
        Panel(
            "Rows on publishers' disks",
            [Query("prelabel_spool_rows > 0", "{{instance}} {{project}}")],
            "From `prelabel spool list --metrics` on each host of the fleet.",
        ),
    ],
}


def make() -> str:
    """Return the dashboard as JSON."""
    dashboard = (
        Dashboard("prelabel")
        .uid("prelabel")
        .description("Rows from models to labelers: see docs/how-to/answer-alerts.md of prelabel.")
        .tags(["prelabel"])
        .refresh("30s")
        .time("now-6h", "now")
        .timezone("browser")
        .readonly()
        .with_variable(DatasourceVariable("datasource").label("Prometheus").type("prometheus"))
        .with_variable(_variable("project", "label_values(prelabel_published_rows_total, project)"))
        .with_variable(_variable("account", "label_values(prelabel_account_limit_requests, account)"))
        .link(DashboardLink("Alerts").type(DashboardLinkType.LINK).url("/alerting/list?search=Prelabel"))
    )
    ids = count(1)
    for title, panels in ROWS.items():
        dashboard = dashboard.with_row(Row(title).id(next(ids)))
        for panel in panels:
            dashboard = dashboard.with_panel(_made(panel).id(next(ids)))
    return json.dumps(dashboard.build(), cls=JSONEncoder, indent=2, sort_keys=True) + "\n"


def _variable(name: str, query: str) -> QueryVariable:
    return (
        QueryVariable(name)
        .datasource(_SOURCE)
        .query(query)
        .refresh(VariableRefresh.ON_TIME_RANGE_CHANGED)
        .multi(True)
        .include_all(True)
        .all_value(".*")
    )


def _target(at: int, query: Query) -> Dataquery:
    return Dataquery().ref_id(chr(ord("A") + at)).expr(query.expr).legend_format(query.legend or "__auto")


def _made(panel: Panel) -> StatPanel | TimePanel:
    made = _stat() if panel.stat else _lines(stacked=panel.stacked)
    made = made.title(panel.title).description(panel.description).datasource(_SOURCE).unit(panel.unit).span(panel.width)
    for at, query in enumerate(panel.queries):
        target = _target(at, query)
        made = made.with_target(target.instant() if panel.stat else target)
    return made


def _stat() -> StatPanel:
    return StatPanel().height(4).reduce_options(ReduceDataOptions().calcs(["lastNotNull"]))


def _lines(*, stacked: bool) -> TimePanel:
    return (
        TimePanel()
        .height(8)
        .min(0)
        .fill_opacity(40 if stacked else 0)
        .legend(VizLegendOptions().display_mode(LegendDisplayMode.LIST).show_legend(True))
        .tooltip(VizTooltipOptions().mode(TooltipDisplayMode.MULTI).sort(SortOrder.DESCENDING))
    )


def main() -> int:
    """Write the file; with `--check`, only say whether it is what the code says."""
    made = make()
    if "--check" in sys.argv:
        return int(not FILE.exists() or FILE.read_text("utf-8") != made)
    FILE.write_text(made, "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
