import mlflow
import pytest
from mlflow.exceptions import MlflowException


def test_prompts_have_versions_aliases_and_tags():
    first = mlflow.genai.register_prompt("greeting", "Hello {{name}}", commit_message="one", tags={"tone": "warm"})
    second = mlflow.genai.register_prompt("greeting", "Good day {{name}}", commit_message="two")
    assert (first.version, second.version) == (1, 2)
    assert mlflow.genai.load_prompt("greeting", version=1).format(name="Ann") == "Hello Ann"
    mlflow.genai.set_prompt_alias("greeting", "live", 2)
    live = mlflow.genai.load_prompt("prompts:/greeting@live")
    assert (live.version, live.template, live.commit_message) == (2, "Good day {{name}}", "two")
    assert mlflow.genai.load_prompt("greeting", version=1).tags["tone"] == "warm"
    mlflow.genai.delete_prompt_alias("greeting", "live")
    with pytest.raises(MlflowException):
        mlflow.genai.load_prompt("prompts:/greeting@live", cache_ttl_seconds=0)


def test_prompts_are_not_models_and_models_are_not_prompts(client):
    mlflow.genai.register_prompt("only-a-prompt", "x")
    client.create_registered_model("only-a-model")
    assert [m.name for m in client.search_registered_models()] == ["only-a-model"]
    assert [p.name for p in mlflow.genai.search_prompts()] == ["only-a-prompt"]


def test_chat_prompts_and_long_ones():
    messages = [{"role": "system", "content": "Be {{mood}}."}, {"role": "user", "content": "{{question}}"}]
    mlflow.genai.register_prompt("chat", messages)
    assert mlflow.genai.load_prompt("chat", version=1).format(mood="kind", question="Why?") == [
        {"role": "system", "content": "Be kind."},
        {"role": "user", "content": "Why?"},
    ]
    long = "word " * 15_000
    mlflow.genai.register_prompt("long", long)
    assert mlflow.genai.load_prompt("long", version=1).template == long


def test_a_trace_knows_the_prompts_it_was_made_with():
    mlflow.genai.register_prompt("used", "Say {{x}}")

    @mlflow.trace
    def answer():
        return mlflow.genai.load_prompt("used", version=1).format(x="yes")

    answer()
    mlflow.flush_trace_async_logging()
    found = mlflow.search_traces(filter_string='prompt = "used/1"', return_type="list")
    assert len(found) == 1


def test_a_prompt_tried_in_the_console_is_a_run_whose_model_loads(call):
    asked = {
        "experiment_id": "0",
        "prompt_template": "Say {{word}}",
        "prompt_parameters": [{"key": "word", "value": "yes"}],
        "model_route": "chat",
        "model_parameters": [{"key": "temperature", "value": 0.1}],
        "model_input": "Say yes",
        "model_output": "Yes!",
        "mlflow_version": mlflow.__version__,
    }
    reply = call("POST", "/ajax-api/2.0/mlflow/runs/create-promptlab-run", json=asked)
    reply.raise_for_status()
    run_id = reply.json()["run"]["info"]["run_id"]
    model = mlflow.pyfunc.load_model(f"runs:/{run_id}/model")
    kept = model._model_impl
    assert kept.prompt_template == "Say {{word}}"
    assert {p.key: p.value for p in kept.prompt_parameters} == {"word": "yes"}
    assert model.metadata.signature.inputs.input_names() == ["word"]
    table = mlflow.load_table("eval_results_table.json", run_ids=[run_id])
    assert table[["word", "prompt", "output"]].iloc[0].tolist() == ["yes", "Say yes", "Yes!"]
