"""Results as text."""

from benchmarks.capacity.result import Result
from benchmarks.capacity.scenario import DAY_SECONDS, Scenario
from benchmarks.capacity.sizing import Need


def of_result(scenario: Scenario, result: Result) -> str:
    """Return what a simulation measured, one thing a line."""
    kept_up = result.growth <= 0.01 * scenario.rows_a_second
    state = "keeps up" if kept_up or not scenario.rows_a_second else f"falls behind by {result.growth:,.0f} rows/s"
    lines = [
        f"settled        {result.rows_a_second:,.0f} rows/s ({result.rows_a_second * DAY_SECONDS / 1e6:,.1f} million a "
        f"day), {state}",
        f"rows           {result.published:,} published, {result.settled:,} settled, {result.pending:,} pending",
        f"chunk          {result.chunk_rows:,.0f} rows on average",
        f"bottleneck     {result.bottleneck}",
        *(f"  {name:20} {share:7.1%} busy" for name, share in sorted(result.used.items(), key=lambda item: -item[1])),
    ]
    lines.append(f"  {'open chunks':20} {result.blocked:7.1%} of the time rows waited for them")
    for name, seconds in (("to upload", result.to_upload), ("to settled", result.to_settled)):
        lines.append(f"{name:14} " + ", ".join(f"p{at} {value:,.2f} s" for at, value in seconds.items()))
    return "\n".join(lines)


def of_need(need: Need) -> str:
    """Return what a load needs, one thing a line."""
    return "\n".join(
        [
            f"at the peak          {need.rows_a_second:,.0f} rows/s, chunks of {need.chunk_rows:,.0f} rows",
            f"publishers           {need.publishers}",
            f"worker processes     {need.submit_processes} submit, {need.poll_processes} poll; "
            f"{need.worker_cores:.1f} cores",
            f"Redis                {need.redis_cores:.2f} cores, {need.redis_nodes} nodes",
            f"requests             {need.requests_a_minute:,.0f} a minute",
            f"an hour's outage     {need.outage_bytes / 1e6:,.0f} MB of Redis",
            f"a week of history    {need.week_bytes / 1e6:,.0f} MB of Redis",
        ]
    )
