"""A Prefect flow that scores the day before, and a range of days on request. `python prefect_flow.py` serves it every night."""
from datetime import date, timedelta

from prefect import flow, task
from prefect.tasks import exponential_backoff

from setpoint_batch import score_partition


@task(retries=3, retry_delay_seconds=exponential_backoff(backoff_factor=60), timeout_seconds=7200)
def score(ds: str) -> int:
    return score_partition("churn-nightly", ds)["rowsOut"]


@flow
def churn_scores(first: date | None = None, last: date | None = None) -> None:
    day = first or date.today() - timedelta(days=1)
    while day <= (last or day):
        score(day.isoformat())
        day += timedelta(days=1)
        if last is None:
            break


if __name__ == "__main__":
    churn_scores.serve(name="nightly", cron="30 2 * * *")
