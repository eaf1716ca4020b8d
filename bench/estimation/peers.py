"""NannyML's CBPE and DLE on the chunks that run.ts wrote, one JSON object a task. Prints estimates by task and metric.

Run by run.ts with --nannyml: python peers.py tasks.json
"""
import json
import sys
import warnings

warnings.filterwarnings("ignore")
import numpy as np
import pandas as pd

import nannyml as nml


def frame(rows):
    out = pd.DataFrame({f"f{i}": np.asarray(column, dtype=float) for i, column in enumerate(rows["features"])})
    out["score"] = rows["scores"]
    out["label"] = rows["labels"]
    return out


def classification(task):
    reference = frame(task["reference"])
    current = pd.concat([frame(chunk) for chunk in task["chunks"]], ignore_index=True)
    for rows in (reference, current):
        rows["decision"] = (rows["score"] >= 0.5).astype(int)
        rows["label"] = rows["label"].astype(int)
    metrics = ["accuracy", "roc_auc", "f1"]
    estimator = nml.CBPE(
        y_pred_proba="score", y_pred="decision", y_true="label", problem_type="classification_binary",
        metrics=metrics, chunk_size=len(task["chunks"][0]["scores"]),
    )
    return read(estimator, reference, current.drop(columns=["label"]), metrics)


def regression(task):
    reference = frame(task["reference"])
    current = pd.concat([frame(chunk) for chunk in task["chunks"]], ignore_index=True)
    features = [name for name in reference.columns if name.startswith("f")]
    metrics = ["mae", "rmse"]
    estimator = nml.DLE(
        feature_column_names=features, y_pred="score", y_true="label", metrics=metrics,
        chunk_size=len(task["chunks"][0]["scores"]),
    )
    return read(estimator, reference, current.drop(columns=["label"]), metrics)


def read(estimator, reference, current, metrics):
    estimator.fit(reference)
    table = estimator.estimate(current).filter(period="analysis").to_df()
    return {metric: [float(value) for value in table[(metric, "value")]] for metric in metrics}


tasks = json.load(open(sys.argv[1]))
out = {task["name"]: regression(task) if task["regression"] else classification(task) for task in tasks}
print(json.dumps({"version": nml.__version__, "estimates": out}))
