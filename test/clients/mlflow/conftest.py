"""Every test has a project of its own, entered by the path of the tracking URI, with the key that the environment gives."""

import json
import os
import uuid

import mlflow
import pytest
import requests

BASE = os.environ["SETPOINT_URL"].rstrip("/")
TOKEN = os.environ["SETPOINT_TOKEN"]
TIMEOUT_SECONDS = 60

os.environ["MLFLOW_TRACKING_TOKEN"] = TOKEN
os.environ["MLFLOW_HTTP_REQUEST_MAX_RETRIES"] = "1"


def pytest_runtest_logreport(report):
    """Writes what each test came to where the suite that runs us reads it."""
    path = os.environ.get("SETPOINT_OUTCOMES")
    if path and (report.when == "call" or not report.passed):
        with open(path, "a", encoding="utf-8") as outcomes:
            text = report.longreprtext[-6000:] if report.failed else ""
            name = report.nodeid.split("::", 1)[-1] + ("" if report.when == "call" else f" ({report.when})")
            outcomes.write(json.dumps({"name": name, "outcome": report.outcome, "text": text}) + "\n")


@pytest.fixture(autouse=True)
def tracking_uri(tmp_path, monkeypatch):
    """A new project; the folder to work in is new too, so that nothing local is read by mistake."""
    monkeypatch.chdir(tmp_path)
    name = f"client-{uuid.uuid4().hex[:16]}"
    headers = {"Authorization": f"Bearer {TOKEN}"}
    requests.post(f"{BASE}/api/v1/projects", json={"name": name}, headers=headers, timeout=TIMEOUT_SECONDS).raise_for_status()
    uri = f"{BASE}/p/{name}"
    mlflow.set_tracking_uri(uri)
    mlflow.set_registry_uri(uri)
    mlflow.set_experiment("Default")
    yield uri
    mlflow.autolog(disable=True)
    while mlflow.active_run():
        mlflow.end_run()
    mlflow.tracing.reset()


@pytest.fixture
def client(tracking_uri):
    return mlflow.MlflowClient(tracking_uri)


@pytest.fixture
def call(tracking_uri):
    """A plain request to the project, for what no client does."""

    def send(method, path, **named):
        headers = {"Authorization": f"Bearer {TOKEN}", **named.pop("headers", {})}
        return requests.request(method, f"{tracking_uri}{path}", headers=headers, timeout=TIMEOUT_SECONDS, **named)

    return send
