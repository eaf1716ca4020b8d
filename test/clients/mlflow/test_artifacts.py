import json
import os
import pathlib

import mlflow
import numpy as np
import pytest
from mlflow.exceptions import MlflowException


def test_files_and_folders_go_up_and_come_down(client, tmp_path):
    folder = tmp_path / "out"
    (folder / "deep" / "er").mkdir(parents=True)
    (folder / "a.txt").write_text("alpha")
    (folder / "deep" / "er" / "ü b.bin").write_bytes(os.urandom(3_000_000))
    with mlflow.start_run() as run:
        mlflow.log_artifact(str(folder / "a.txt"), artifact_path="single")
        mlflow.log_artifacts(str(folder), artifact_path="all")
    run_id = run.info.run_id
    listed = {item.path: (item.is_dir, item.file_size) for item in client.list_artifacts(run_id)}
    assert listed == {"single": (True, None), "all": (True, None)}
    assert {item.path: item.file_size for item in client.list_artifacts(run_id, "all/deep/er")} == {"all/deep/er/ü b.bin": 3_000_000}
    down = pathlib.Path(mlflow.artifacts.download_artifacts(run_id=run_id, artifact_path="all", dst_path=str(tmp_path / "down")))
    assert (down / "deep" / "er" / "ü b.bin").read_bytes() == (folder / "deep" / "er" / "ü b.bin").read_bytes()
    assert mlflow.artifacts.load_text(f"runs:/{run_id}/single/a.txt") == "alpha"


def test_texts_dicts_tables_and_images(client):
    with mlflow.start_run() as run:
        mlflow.log_text("hello", "notes/hello.txt")
        mlflow.log_dict({"a": [1, 2, {"b": None}]}, "config.json")
        mlflow.log_table({"x": [1, 2], "y": ["a", "b"]}, "table.json")
        mlflow.log_table({"x": [3], "y": ["c"]}, "table.json")
        mlflow.log_image(np.zeros((4, 4, 3), dtype=np.uint8), "image.png")
    run_id = run.info.run_id
    assert mlflow.artifacts.load_text(f"runs:/{run_id}/notes/hello.txt") == "hello"
    assert mlflow.artifacts.load_dict(f"runs:/{run_id}/config.json") == {"a": [1, 2, {"b": None}]}
    assert list(mlflow.load_table("table.json", run_ids=[run_id])["x"]) == [1, 2, 3]
    assert mlflow.artifacts.load_image(f"runs:/{run_id}/image.png").size == (4, 4)
    tags = client.get_run(run_id).data.tags
    assert json.loads(tags["mlflow.loggedArtifacts"]) == [{"path": "table.json", "type": "table"}]


def test_what_is_not_there_is_not_found_and_nothing_climbs_out(client, call):
    run = client.create_run("0")
    with pytest.raises(MlflowException):
        client.download_artifacts(run.info.run_id, "missing.txt")
    for path in ("../secret", "%2e%2e/secret", "a/..%2f..%2fsecret", "..%5csecret"):
        reply = call("GET", "/get-artifact", params={"run_id": run.info.run_id, "path": path})
        assert reply.status_code in (400, 404), (path, reply.status_code)
        assert "error_code" in reply.json()


def test_artifacts_can_be_deleted(client):
    with mlflow.start_run() as run:
        mlflow.log_text("x", "a/x.txt")
        mlflow.log_text("y", "b/y.txt")
    repository = mlflow.store.artifact.artifact_repository_registry.get_artifact_repository(run.info.artifact_uri)
    repository.delete_artifacts("a")
    assert [item.path for item in client.list_artifacts(run.info.run_id)] == ["b"]
