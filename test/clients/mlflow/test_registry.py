import mlflow
import pytest
from mlflow.exceptions import MlflowException
from sklearn.linear_model import LinearRegression


@pytest.fixture
def uri():
    with mlflow.start_run():
        return mlflow.sklearn.log_model(LinearRegression().fit([[0], [1]], [0, 2]), name="line").model_uri


def test_versions_stages_and_aliases(uri, client):
    first = mlflow.register_model(uri, "line", tags={"seed": "1"})
    second = mlflow.register_model(uri, "line")
    assert (first.version, second.version, second.status) == ("1", "2", "READY")
    with pytest.warns(FutureWarning, match="stages"):
        client.transition_model_version_stage("line", "1", "Production")
        client.transition_model_version_stage("line", "2", "Production", archive_existing_versions=True)
    assert client.get_model_version("line", "1").current_stage == "Archived"
    client.set_registered_model_alias("line", "best", "1")
    assert client.get_model_version_by_alias("line", "best").version == "1"
    assert mlflow.sklearn.load_model("models:/line@best").predict([[2]])[0] == pytest.approx(4)
    assert mlflow.pyfunc.load_model("models:/line/2").predict([[3]])[0] == pytest.approx(6)
    client.set_registered_model_alias("line", "best", "2")
    assert client.get_registered_model("line").aliases == {"best": "2"}
    client.delete_registered_model_alias("line", "best")
    with pytest.raises(MlflowException):
        client.get_model_version_by_alias("line", "best")
    assert client.get_model_version("line", "1").tags == {"seed": "1"}


def test_models_are_described_searched_renamed_and_deleted(uri, client):
    client.create_registered_model("a", tags={"team": "x"}, description="first")
    client.create_registered_model("b")
    mlflow.register_model(uri, "a")
    client.update_model_version("a", "1", description="the one")
    client.set_model_version_tag("a", "1", "k", "v")
    assert [m.name for m in client.search_registered_models("name LIKE 'a%'")] == ["a"]
    assert [m.name for m in client.search_registered_models(order_by=["name DESC"])] == ["b", "a"]
    assert [m.name for m in client.search_registered_models("tags.team = 'x'")] == ["a"]
    (version,) = client.search_model_versions("name = 'a' AND tags.k = 'v'")
    assert (version.version, version.description) == ("1", "the one")
    client.rename_registered_model("a", "c")
    assert client.get_model_version("c", "1").name == "c"
    client.delete_model_version("c", "1")
    client.delete_registered_model("c")
    assert [m.name for m in client.search_registered_models()] == ["b"]
    with pytest.raises(MlflowException, match="already exists"):
        client.create_registered_model("b")


def test_a_model_is_registered_as_it_is_logged(client):
    with mlflow.start_run() as run:
        mlflow.sklearn.log_model(LinearRegression().fit([[0], [1]], [0, 1]), name="m", registered_model_name="at-once")
    version = client.get_model_version("at-once", "1")
    assert version.run_id == run.info.run_id
    copied = client.copy_model_version("models:/at-once/1", "copied")
    assert (copied.name, copied.version) == ("copied", "1")
    assert mlflow.sklearn.load_model("models:/copied/1").predict([[5]])[0] == pytest.approx(5)


def test_webhooks_are_kept_with_their_secret_hidden(client):
    from mlflow.entities.webhook import WebhookAction, WebhookEntity, WebhookEvent, WebhookStatus

    event = WebhookEvent(WebhookEntity.MODEL_VERSION, WebhookAction.CREATED)
    made = client.create_webhook("hook", "https://93.184.216.34/hook", [event], secret="s3cret")
    assert made.secret is None
    assert client.get_webhook(made.webhook_id).events == [event]
    client.update_webhook(made.webhook_id, status=WebhookStatus.DISABLED, description="off")
    assert [(w.name, w.status, w.description) for w in client.list_webhooks()] == [("hook", WebhookStatus.DISABLED, "off")]
    client.delete_webhook(made.webhook_id)
    assert list(client.list_webhooks()) == []


def test_a_webhook_into_the_private_network_is_not_delivered(client):
    from mlflow.entities.webhook import WebhookAction, WebhookEntity, WebhookEvent

    event = WebhookEvent(WebhookEntity.REGISTERED_MODEL, WebhookAction.CREATED)
    try:
        made = client.create_webhook("inside", "https://127.0.0.1:1/hook", [event])
    except MlflowException:
        return
    assert not client.test_webhook(made.webhook_id, event).success
