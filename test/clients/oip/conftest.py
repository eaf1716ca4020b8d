"""Tells the suite that runs us what each test came to."""

import json
import os


def pytest_runtest_logreport(report):
    path = os.environ.get("SETPOINT_OUTCOMES")
    if path and (report.when == "call" or not report.passed):
        with open(path, "a", encoding="utf-8") as outcomes:
            text = report.longreprtext[-6000:] if report.failed else ""
            name = report.nodeid.split("::", 1)[-1] + ("" if report.when == "call" else f" ({report.when})")
            outcomes.write(json.dumps({"name": name, "outcome": report.outcome, "text": text}) + "\n")
