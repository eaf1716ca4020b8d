import math
import threading

import mlflow
import pandas as pd
import pytest
from mlflow.entities import Metric, Param, RunTag, ViewType
from mlflow.exceptions import MlflowException


def test_training_loop_is_read_back_as_it_was_logged(client):
    mlflow.set_experiment("loop")
    with mlflow.start_run(run_name="first", tags={"team": "risk"}, description="a note") as run:
        mlflow.log_params({"lr": 0.1, "layers": 3, "name": "x" * 6000})
        for step in range(50):
            mlflow.log_metric("loss", 1 / (step + 1), step=step)
        mlflow.log_metrics({"accuracy": 0.9, "nothing": float("nan"), "much": float("inf")}, step=50)
        mlflow.set_tag("stage", "done")
    found = mlflow.get_run(run.info.run_id)
    assert found.info.run_name == "first"
    assert found.info.status == "FINISHED"
    assert found.info.end_time >= found.info.start_time
    assert found.data.params == {"lr": "0.1", "layers": "3", "name": "x" * 6000}
    assert found.data.metrics["loss"] == pytest.approx(1 / 50)
    assert math.isnan(found.data.metrics["nothing"])
    assert found.data.metrics["much"] > 1e308
    assert found.data.tags["stage"] == "done"
    assert found.data.tags["mlflow.note.content"] == "a note"
    history = client.get_metric_history(run.info.run_id, "loss")
    assert [(m.step, m.value) for m in history] == [(s, pytest.approx(1 / (s + 1))) for s in range(50)]


def test_a_run_that_fails_says_so_and_children_know_their_parent():
    with pytest.raises(RuntimeError, match="broken"):
        with mlflow.start_run() as parent:
            with mlflow.start_run(nested=True) as child:
                mlflow.log_metric("m", 1)
            raise RuntimeError("broken")
    assert mlflow.get_run(parent.info.run_id).info.status == "FAILED"
    assert mlflow.get_run(child.info.run_id).data.tags["mlflow.parentRunId"] == parent.info.run_id
    with mlflow.start_run(run_id=parent.info.run_id):
        mlflow.log_metric("again", 2)
    resumed = mlflow.get_run(parent.info.run_id)
    assert (resumed.info.status, resumed.data.metrics["again"]) == ("FINISHED", 2)


def test_search_filters_orders_and_pages(client):
    experiment = mlflow.set_experiment("search").experiment_id
    for i in range(12):
        with mlflow.start_run(run_name=f"run {i}"):
            mlflow.log_param("kind", "even" if i % 2 == 0 else "odd")
            mlflow.log_metric("score", i / 10)
            mlflow.set_tag("group.name", f"g{i // 6}")
    frame = mlflow.search_runs(filter_string="params.kind = 'even' and metrics.score > 0.3", order_by=["metrics.score DESC"])
    assert isinstance(frame, pd.DataFrame)
    assert list(frame["metrics.score"]) == [1.0, 0.8, 0.6, 0.4]
    tagged = client.search_runs([experiment], "tags.`group.name` LIKE 'g1' AND attributes.run_name ILIKE 'RUN 1%'")
    assert {run.info.run_name for run in tagged} == {"run 10", "run 11"}
    seen, token = [], None
    while True:
        page = client.search_runs([experiment], "", order_by=["attributes.start_time ASC"], max_results=5, page_token=token)
        seen += [run.info.run_name for run in page]
        token = page.token
        if not token:
            break
    assert sorted(seen) == sorted(f"run {i}" for i in range(12))
    with pytest.raises(MlflowException, match="Invalid"):
        client.search_runs([experiment], "nonsense.x = 1")


def test_experiments_are_made_renamed_deleted_and_restored(client):
    made = mlflow.create_experiment("one", tags={"owner": "ann"})
    assert mlflow.get_experiment_by_name("one").tags["owner"] == "ann"
    client.rename_experiment(made, "two")
    client.set_experiment_tag(made, "owner", "bob")
    assert client.get_experiment(made).name == "two"
    client.delete_experiment(made)
    assert client.get_experiment(made).lifecycle_stage == "deleted"
    assert "two" not in {e.name for e in client.search_experiments()}
    assert "two" in {e.name for e in client.search_experiments(view_type=ViewType.DELETED_ONLY)}
    client.restore_experiment(made)
    assert [e.name for e in client.search_experiments(filter_string="tags.owner = 'bob'")] == ["two"]
    with pytest.raises(MlflowException, match="already exists"):
        mlflow.create_experiment("two")


def test_deleted_runs_come_back(client):
    run = client.create_run("0")
    client.delete_run(run.info.run_id)
    assert client.search_runs(["0"]) == []
    assert len(client.search_runs(["0"], run_view_type=ViewType.DELETED_ONLY)) == 1
    client.restore_run(run.info.run_id)
    assert client.get_run(run.info.run_id).info.lifecycle_stage == "active"


def test_a_batch_is_kept_whole_or_not_at_all(client):
    run = client.create_run("0")
    metrics = [Metric(f"m{i}", i, 1000 + i, i) for i in range(800)]
    client.log_batch(run.info.run_id, metrics, [Param("p", "1")], [RunTag("t", "x")])
    client.log_batch(run.info.run_id, params=[Param("p", "1")])
    assert len(client.get_run(run.info.run_id).data.metrics) == 800
    with pytest.raises(MlflowException, match="p"):
        client.log_batch(run.info.run_id, [Metric("late", 1, 1, 1)], [Param("p", "2")])
    assert client.get_run(run.info.run_id).data.params == {"p": "1"}


def test_many_writers_lose_nothing_and_double_nothing(client):
    run = client.create_run("0").info.run_id

    def write(writer):
        for step in range(20):
            client.log_metric(run, f"w{writer}", step * writer, step=step, timestamp=step)

    threads = [threading.Thread(target=write, args=(writer,)) for writer in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for writer in range(8):
        assert [m.value for m in client.get_metric_history(run, f"w{writer}")] == [step * writer for step in range(20)]


def test_inputs_are_kept_with_the_run():
    frame = pd.DataFrame({"a": [1, 2], "b": [3.0, 4.0]})
    with mlflow.start_run() as run:
        mlflow.log_input(mlflow.data.from_pandas(frame, name="train", targets="b"), context="training")
    (given,) = mlflow.get_run(run.info.run_id).inputs.dataset_inputs
    assert given.dataset.name == "train"
    assert {tag.key: tag.value for tag in given.tags}["mlflow.data.context"] == "training"


def test_logging_in_the_background_is_all_there_in_the_end(client):
    with mlflow.start_run() as run:
        pending = [mlflow.log_metric("m", i, step=i, synchronous=False) for i in range(200)]
        pending.append(mlflow.log_params({"a": 1}, synchronous=False))
        for operation in pending:
            operation.wait()
    mlflow.flush_async_logging()
    assert [m.value for m in client.get_metric_history(run.info.run_id, "m")] == list(range(200))
    assert client.get_run(run.info.run_id).data.params == {"a": "1"}
