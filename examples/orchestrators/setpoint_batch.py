"""Starts a run of batch scoring and waits for its end. Standard library only; used by the three orchestrators beside this file."""
import json
import os
import time
import urllib.request

URL = os.environ.get("SETPOINT_URL", "http://127.0.0.1:7300")
ASK_EVERY_SECONDS = 5


def call(method, path, body=None):
    """One call of the API. An answer that is no success raises HTTPError, for the orchestrator to try again or give up."""
    headers = {"content-type": "application/json", "authorization": f"Bearer {os.environ['SETPOINT_TOKEN']}"}
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(URL + path, method=method, data=data, headers=headers)
    with urllib.request.urlopen(request, timeout=60) as response:
        return json.load(response)


def score_partition(batch, ds, force=False):
    """Scores the day `ds` and returns the run. The same day twice is the same run, so a task may be tried again."""
    plan = call("POST", f"/api/v1/batch/{batch}/runs", {"ds": ds, "force": force, "reason": "asked by the orchestrator"})
    run = plan["run"]
    while run["endedAt"] is None:
        time.sleep(ASK_EVERY_SECONDS)
        run = call("GET", f"/api/v1/batch/{batch}/runs/{run['id']}")
    if run["state"] != "succeeded":
        raise RuntimeError(f"{batch} {ds} {run['state']} in {run['step']}: {run['problem']}")
    return run
