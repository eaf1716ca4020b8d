"""Peers on tables of the same kind, smaller, each in a process of its own. Prints JSON.

Needs numpy; evidently 0.7 with pandas 2, and whylogs, where they are to be measured.
"""
import json
import multiprocessing
import resource
import sys
import time

import numpy as np

REFERENCE_ROWS = 100_000


def table(features, rows, seed, current):
    generator = np.random.default_rng(seed)
    values = generator.standard_normal((rows, features))
    if current:
        values[:, 7::50] += 0.5
    return values


def frame(features, rows, seed, current):
    import pandas as pd

    return pd.DataFrame(table(features, rows, seed, current), columns=[f"f{i:04d}" for i in range(features)])


def numpy_counts(features, rows):
    """The limit: bins counted by sorted search, nothing else."""
    reference = table(features, REFERENCE_ROWS, 1, False)
    edges = [np.quantile(reference[:, f], np.linspace(0, 1, 13)[1:-1]) for f in range(features)]
    current = np.asfortranarray(table(features, rows, 2, True))
    started = time.perf_counter()
    for f in range(features):
        np.bincount(np.searchsorted(edges[f], current[:, f], side="left"), minlength=12)
    return time.perf_counter() - started, "counts only"


def evidently_preset(features, rows):
    from evidently import DataDefinition, Dataset, Report
    from evidently.presets import DataDriftPreset

    definition = DataDefinition(numerical_columns=[f"f{i:04d}" for i in range(features)])
    reference = Dataset.from_pandas(frame(features, min(rows, REFERENCE_ROWS), 1, False), data_definition=definition)
    current = Dataset.from_pandas(frame(features, rows, 2, True), data_definition=definition)
    started = time.perf_counter()
    result = Report([DataDriftPreset()]).run(current_data=current, reference_data=reference).dict()
    seconds = time.perf_counter() - started
    drifted = next((metric["value"] for metric in result["metrics"] if "DriftedColumnsCount" in json.dumps(metric.get("metric_name", metric))), None)
    return seconds, f"{int(drifted['count'])} in all" if drifted else "see report"


def whylogs_profile(features, rows):
    import whylogs

    current = frame(features, rows, 2, True)
    started = time.perf_counter()
    whylogs.log(current)
    return time.perf_counter() - started, "profile only"


def measured(queue, name, measure, features, rows):
    try:
        seconds, found = measure(features, rows)
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        queue.put({"name": name, "features": features, "rows": rows, "seconds": seconds, "peakMebibytes": peak, "found": found})
    except Exception as error:  # A peer that is not there is left out, and said so.
        print(f"{name}: left out: {type(error).__name__}: {error}", file=sys.stderr)
        queue.put(None)


if __name__ == "__main__":
    multiprocessing.set_start_method("spawn")
    plan = [
        ("numpy sorted search, the limit of counting", numpy_counts, 100, 300_000),
        ("Evidently DataDriftPreset", evidently_preset, 20, 100_000),
        ("Evidently DataDriftPreset", evidently_preset, 20, 300_000),
        ("Evidently DataDriftPreset", evidently_preset, 100, 300_000),
        ("whylogs profile", whylogs_profile, 20, 300_000),
    ]
    results = []
    for name, measure, features, rows in plan:
        queue = multiprocessing.Queue()
        process = multiprocessing.Process(target=measured, args=(queue, name, measure, features, rows))
        process.start()
        result = queue.get()
        process.join()
        if result:
            results.append(result)
    print(json.dumps(results))
