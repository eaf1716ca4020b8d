"""A daily Airflow DAG: the day before is scored at 02:30. Backfill with `airflow backfill create --dag-id churn_scores …`."""
from datetime import datetime, timedelta

from airflow.sdk import dag, task

from setpoint_batch import score_partition


@dag(
    schedule="30 2 * * *",
    start_date=datetime(2026, 11, 1),
    catchup=True,
    max_active_runs=1,
    default_args={"retries": 3, "retry_delay": timedelta(minutes=5), "retry_exponential_backoff": True},
)
def churn_scores():
    @task(execution_timeout=timedelta(hours=2))
    def score(data_interval_start=None):
        return score_partition("churn-nightly", data_interval_start.strftime("%Y-%m-%d"))["rowsOut"]

    score()


churn_scores()
