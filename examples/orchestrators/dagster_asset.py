"""A Dagster asset, one partition a day, with a schedule and retries; backfills are started from its page."""
import dagster as dg

from setpoint_batch import score_partition

days = dg.DailyPartitionsDefinition(start_date="2026-11-01")


@dg.asset(partitions_def=days, retry_policy=dg.RetryPolicy(max_retries=3, delay=300, backoff=dg.Backoff.EXPONENTIAL))
def churn_scores(context: dg.AssetExecutionContext) -> dg.MaterializeResult:
    run = score_partition("churn-nightly", context.partition_key)
    facts = {"rows": run["rowsOut"], "model version": run["version"], "dead letters": run["deadLetters"], "run": run["id"]}
    return dg.MaterializeResult(metadata=facts)


nightly = dg.build_schedule_from_partitioned_job(
    dg.define_asset_job("churn_scores_job", selection=[churn_scores]), hour_of_day=2, minute_of_hour=30
)
defs = dg.Definitions(assets=[churn_scores], schedules=[nightly])
