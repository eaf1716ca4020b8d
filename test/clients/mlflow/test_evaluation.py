import mlflow
import pandas as pd
import pytest
from mlflow.exceptions import MlflowException
from mlflow.genai.datasets import create_dataset, delete_dataset, get_dataset, search_datasets, set_dataset_tags
from mlflow.genai.scorers import scorer


def test_records_are_merged_by_their_inputs():
    dataset = create_dataset(name="questions", experiment_id=["0"], tags={"team": "ml"})
    dataset.merge_records([
        {"inputs": {"q": "a", "weight": 1.0}, "expectations": {"answer": "x"}},
        {"inputs": {"q": "b"}, "outputs": {"text": "y"}, "tags": {"hard": "yes"}},
    ])
    dataset.merge_records(pd.DataFrame([{"inputs": {"q": "a", "weight": 1.0}, "expectations": {"more": 2}}]))
    frame = get_dataset(dataset_id=dataset.dataset_id).to_df()
    assert len(frame) == 2
    first = frame[frame["inputs"].map(lambda inputs: inputs["q"] == "a")].iloc[0]
    assert first["expectations"] == {"answer": "x", "more": 2}
    assert repr(first["inputs"]["weight"]) == "1.0"


def test_traces_become_records():
    @mlflow.trace
    def answer(question):
        return f"re: {question}"

    answer("why")
    mlflow.flush_trace_async_logging()
    traces = mlflow.search_traces(return_type="list")
    mlflow.log_expectation(trace_id=traces[0].info.trace_id, name="expected", value="because")
    dataset = create_dataset(name="from-traces", experiment_id="0")
    dataset.merge_records(mlflow.search_traces(return_type="list"))
    (record,) = get_dataset(dataset_id=dataset.dataset_id).to_df().to_dict("records")
    assert record["inputs"] == {"question": "why"}
    assert record["expectations"] == {"expected": "because"}
    assert record["source_type"] == "TRACE"


def test_data_sets_are_searched_tagged_and_deleted():
    elsewhere = mlflow.create_experiment("elsewhere")
    one = create_dataset(name="one", experiment_id=["0"], tags={"team": "a"})
    create_dataset(name="two", experiment_id=[elsewhere], tags={"team": "b"})
    assert [d.name for d in search_datasets(filter_string="tags.team = 'b'")] == ["two"]
    assert [d.name for d in search_datasets(experiment_ids=["0"])] == ["one"]
    set_dataset_tags(dataset_id=one.dataset_id, tags={"team": "c"})
    assert get_dataset(dataset_id=one.dataset_id).tags["team"] == "c"
    delete_dataset(dataset_id=one.dataset_id)
    with pytest.raises(MlflowException, match="not found"):
        get_dataset(dataset_id=one.dataset_id)


def test_records_beyond_one_page_are_all_read():
    dataset = create_dataset(name="many")
    dataset.merge_records([{"inputs": {"n": n}} for n in range(2_500)])
    frame = get_dataset(dataset_id=dataset.dataset_id).to_df()
    assert sorted(inputs["n"] for inputs in frame["inputs"]) == list(range(2_500))


def test_an_evaluation_scores_every_record_and_is_read_back():
    @scorer
    def is_short(outputs):
        return len(outputs) < 6

    dataset = create_dataset(name="to-evaluate", experiment_id="0")
    dataset.merge_records([
        {"inputs": {"question": "hi"}, "expectations": {"expected_response": "hi"}},
        {"inputs": {"question": "a long question"}, "expectations": {"expected_response": "x"}},
    ])
    result = mlflow.genai.evaluate(data=dataset, predict_fn=lambda question: question, scorers=[is_short])
    assert result.metrics["is_short/mean"] == pytest.approx(0.5)
    assert mlflow.get_run(result.run_id).data.metrics["is_short/mean"] == pytest.approx(0.5)
    traces = mlflow.search_traces(run_id=result.run_id, return_type="list")
    assert sorted(trace.search_assessments("is_short")[0].value for trace in traces) == [False, True]


def test_scorers_are_registered_in_versions():
    from mlflow.genai.scorers import Guidelines, get_scorer, list_scorers

    for text in ("be brief", "be kind"):
        Guidelines(name="tone", guidelines=text, model="openai:/gpt-4.1-mini").register(name="tone")
    assert [one.name for one in list_scorers()] == ["tone"]
    assert get_scorer(name="tone").guidelines == "be kind"
    assert get_scorer(name="tone", version=1).guidelines == "be brief"
