"""Saves models of every kind that a worker loads into the folder of the first argument, with what they predict beside them."""

import json
import os
import signal
import sys
import time

import mlflow
import numpy as np
import pandas as pd
from mlflow.models import infer_signature
from sklearn.datasets import load_iris, make_classification
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

HOME = sys.argv[1]
EXPECTED = {}


def at(name):
    return os.path.join(HOME, name)


class Moody(mlflow.pyfunc.PythonModel):
    """Half of the first column; some values do harm."""

    def predict(self, context, model_input, params=None):
        print("a model that prints on standard output")
        first = float(model_input["a"].iloc[0])
        if first == 13:
            os.kill(os.getpid(), signal.SIGKILL)
        if first == 14:
            time.sleep(600)
        if first == 15:
            raise ValueError("fifteen is too much")
        if first == 16:
            self.held = np.ones(600_000_000 // 8)
        if first == 17:
            return np.ones(20_000_000_000 // 8)
        if first == 18:
            sys.stdin.read()
        return model_input["a"].to_numpy() / 2


class Shout(mlflow.pyfunc.PythonModel):
    def predict(self, context, model_input, params=None):
        return pd.DataFrame(
            {
                "loud": [text.upper() for text in model_input["text"]],
                "long": [len(text) > times for text, times in zip(model_input["text"], model_input["times"])],
                "day": [str(day.date()) for day in model_input["day"]],
            }
        )


def binary():
    values, target = make_classification(n_samples=400, n_features=4, random_state=7)
    table = pd.DataFrame(values, columns=["a", "b", "c", "d"]).astype({"b": "float32"})
    table["n"] = (table["a"] * 10).astype("int64")
    model = make_pipeline(StandardScaler(), LogisticRegression()).fit(table, target)
    return table, target, model


def save_all():
    table, target, model = binary()
    mlflow.sklearn.save_model(model, at("binary"), signature=infer_signature(table, model.predict(table)))
    sample = table.head(20).astype("float32").astype({"n": "int64"})
    EXPECTED["binary"] = {"rows": sample.astype("float64").to_numpy().tolist(), "scores": model.predict_proba(sample)[:, 1].tolist()}

    price = LinearRegression().fit(table[["a", "b"]].to_numpy(), table["c"])
    array = table[["a", "b"]].to_numpy(dtype="float32")[:10]
    mlflow.sklearn.save_model(price, at("array"), signature=infer_signature(array, price.predict(array)))
    EXPECTED["array"] = {"rows": array.tolist(), "scores": price.predict(array).tolist()}

    iris, kinds = load_iris(return_X_y=True, as_frame=True)
    three = LogisticRegression(max_iter=500).fit(iris, kinds)
    mlflow.sklearn.save_model(three, at("three"), signature=infer_signature(iris, three.predict(iris)))
    EXPECTED["three"] = {"rows": iris.head(3).to_numpy().tolist(), "kinds": three.predict(iris.head(3)).tolist()}

    columns = pd.DataFrame({"a": [1.0], "b": [2.0]})
    mlflow.pyfunc.save_model(at("moody"), python_model=Moody(), signature=infer_signature(columns, np.array([0.5])))

    texts = pd.DataFrame({"text": ["a"], "times": np.array([1], dtype="int64"), "day": pd.to_datetime(["2026-01-01"])})
    spoken = pd.DataFrame({"loud": ["A"], "long": [True], "day": ["2026-01-01"]})
    mlflow.pyfunc.save_model(at("shout"), python_model=Shout(), signature=infer_signature(texts, spoken))

    mlflow.sklearn.save_model(model, at("bare"))

    from skl2onnx import to_onnx
    from skl2onnx.common.data_types import FloatTensorType

    plain = LogisticRegression().fit(table[["a", "b", "c", "d"]].to_numpy(dtype="float32"), target)
    graph = to_onnx(plain, initial_types=[("features", FloatTensorType([None, 4]))], options={"zipmap": False})
    rows = table[["a", "b", "c", "d"]].to_numpy(dtype="float32")[:10]
    mlflow.onnx.save_model(graph, at("converted"), signature=infer_signature(rows))
    EXPECTED["converted"] = {"rows": rows.tolist(), "scores": plain.predict_proba(rows)[:, 1].tolist()}


if __name__ == "__main__":
    save_all()
    with open(at("expected.json"), "w", encoding="utf-8") as file:
        json.dump(EXPECTED, file)
