import mlflow
import numpy as np
import pandas as pd
import pytest
from mlflow.models import infer_signature
from sklearn.datasets import load_iris
from sklearn.linear_model import LogisticRegression


@pytest.fixture
def iris():
    features, target = load_iris(return_X_y=True, as_frame=True)
    return features, target


@pytest.fixture
def model(iris):
    return LogisticRegression(max_iter=500).fit(*iris)


def test_scikit_learn_model_is_loaded_as_it_was_logged(iris, model, client):
    features, _ = iris
    signature = infer_signature(features, model.predict(features))
    with mlflow.start_run() as run:
        info = mlflow.sklearn.log_model(model, name="model", signature=signature, input_example=features.head(2))
    assert (mlflow.sklearn.load_model(info.model_uri).predict(features) == model.predict(features)).all()
    assert (mlflow.pyfunc.load_model(f"runs:/{run.info.run_id}/model").predict(features) == model.predict(features)).all()
    logged = mlflow.get_logged_model(info.model_id)
    assert (logged.name, logged.source_run_id, str(logged.status)) == ("model", run.info.run_id, "READY")
    assert mlflow.models.get_model_info(info.model_uri).signature == signature
    assert {item.path for item in client.list_logged_model_artifacts(info.model_id)} >= {"MLmodel", "requirements.txt"}


def test_onnx_model_is_loaded_as_it_was_logged(iris, model):
    from skl2onnx import to_onnx

    features, _ = iris
    sample = features.to_numpy(dtype=np.float32)
    graph = to_onnx(model, sample[:1], options={"zipmap": False})
    with mlflow.start_run():
        info = mlflow.onnx.log_model(graph, name="onnx", signature=infer_signature(sample))
    assert mlflow.onnx.load_model(info.model_uri).graph.node == graph.graph.node
    predicted = mlflow.pyfunc.load_model(info.model_uri).predict(sample)
    assert (np.asarray(predicted["label"]) == model.predict(features)).all()


class Adder(mlflow.pyfunc.PythonModel):
    def load_context(self, context):
        with open(context.artifacts["offset"], encoding="utf-8") as file:
            self.offset = int(file.read())

    def predict(self, context, model_input: list[int], params=None) -> list[int]:
        return [value + self.offset for value in model_input]


def test_python_model_brings_its_files(tmp_path):
    (tmp_path / "offset.txt").write_text("5")
    with mlflow.start_run():
        info = mlflow.pyfunc.log_model(name="adder", python_model=Adder(), artifacts={"offset": str(tmp_path / "offset.txt")})
    assert mlflow.pyfunc.load_model(info.model_uri).predict([1, 2]) == [6, 7]


def test_logged_models_are_found_by_what_was_measured_of_them(iris, model):
    features, _ = iris
    data = mlflow.data.from_pandas(features, name="iris")
    for score in (0.5, 0.9):
        with mlflow.start_run():
            info = mlflow.sklearn.log_model(model, name=f"m{score * 10:.0f}", params={"score": str(score)}, tags={"kind": "t"})
            mlflow.log_metric("accuracy", score, model_id=info.model_id, dataset=data)
    found = mlflow.search_logged_models(filter_string="metrics.accuracy > 0.7 AND tags.kind = 't'", output_format="list")
    assert [one.name for one in found] == ["m9"]
    assert found[0].params["score"] == "0.9"
    ordered = mlflow.search_logged_models(order_by=[{"field_name": "metrics.accuracy", "ascending": True}], output_format="list")
    assert [one.name for one in ordered] == ["m5", "m9"]
    assert isinstance(mlflow.search_logged_models(), pd.DataFrame)


def test_autologging_tells_the_whole_of_a_training(iris, client):
    mlflow.sklearn.autolog(log_input_examples=True)
    with mlflow.start_run() as run:
        LogisticRegression(C=0.5, max_iter=500).fit(*iris)
    found = client.get_run(run.info.run_id)
    assert found.data.params["C"] == "0.5"
    assert found.data.metrics["training_accuracy_score"] > 0.9
    assert found.data.tags["estimator_name"] == "LogisticRegression"
    (output,) = found.outputs.model_outputs
    features, _ = iris
    assert len(mlflow.sklearn.load_model(f"models:/{output.model_id}").predict(features)) == len(features)


def test_a_grid_search_has_a_run_for_each_candidate(iris, client):
    from sklearn.model_selection import GridSearchCV

    mlflow.sklearn.autolog(max_tuning_runs=3, log_models=False)
    with mlflow.start_run() as run:
        GridSearchCV(LogisticRegression(max_iter=500), {"C": [0.1, 1.0, 10.0]}, cv=2).fit(*iris)
    children = client.search_runs(["0"], f"tags.mlflow.parentRunId = '{run.info.run_id}'")
    assert sorted(child.data.params["C"] for child in children) == ["0.1", "1.0", "10.0"]
    assert "best_cv_score" in client.get_run(run.info.run_id).data.metrics


def test_a_model_is_evaluated_and_the_results_are_kept(iris, model, client):
    features, target = iris
    frame = features.assign(label=target)
    with mlflow.start_run() as run:
        info = mlflow.sklearn.log_model(model, name="model")
        options = {"log_model_explainability": False}
        result = mlflow.models.evaluate(info.model_uri, frame, targets="label", model_type="classifier", evaluator_config=options)
    assert result.metrics["accuracy_score"] > 0.9
    assert client.get_run(run.info.run_id).data.metrics["accuracy_score"] == pytest.approx(result.metrics["accuracy_score"])
