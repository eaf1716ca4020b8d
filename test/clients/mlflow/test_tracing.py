import asyncio
import json
import time

import mlflow
import pytest
from mlflow.entities import AssessmentSource, SpanEvent, SpanStatusCode, SpanType
from mlflow.exceptions import MlflowException
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor

from conftest import TOKEN


@mlflow.trace(span_type=SpanType.CHAIN, attributes={"version": 1.0})
def add_one(number, note=None):
    with mlflow.start_span("inner", span_type=SpanType.LLM) as span:
        span.set_inputs({"number": number, "nested": {"list": [1, 2.5, None, True], "text": "ü"}})
        span.set_attribute("mlflow.chat.tokenUsage", {"input_tokens": 10, "output_tokens": 5, "total_tokens": 15})
        span.add_event(SpanEvent("tick", attributes={"n": 1}))
        span.set_outputs(number + 1)
    return number + 1


def last_trace():
    mlflow.flush_trace_async_logging()
    return mlflow.get_trace(mlflow.get_last_active_trace_id())


def test_functions_become_traces_with_all_they_said():
    assert add_one(4, note="x") == 5
    trace = last_trace()
    outer, inner = trace.data.spans
    assert (trace.info.state, outer.name, outer.span_type, outer.parent_id) == ("OK", "add_one", SpanType.CHAIN, None)
    assert outer.inputs == {"number": 4, "note": "x"}
    assert outer.outputs == 5
    assert repr(outer.get_attribute("version")) == "1.0"
    assert (inner.parent_id, inner.span_type) == (outer.span_id, SpanType.LLM)
    assert inner.inputs == {"number": 4, "nested": {"list": [1, 2.5, None, True], "text": "ü"}}
    assert [(event.name, event.attributes) for event in inner.events] == [("tick", {"n": 1})]
    assert inner.end_time_ns >= inner.start_time_ns > 1_700_000_000_000_000_000
    assert trace.info.token_usage == {"input_tokens": 10, "output_tokens": 5, "total_tokens": 15}
    assert json.loads(trace.info.request_preview) == {"number": 4, "note": "x"}


def test_errors_are_kept_with_their_cause():
    @mlflow.trace
    def fails():
        raise ValueError("no such thing")

    with pytest.raises(ValueError, match="no such thing"):
        fails()
    trace = last_trace()
    assert trace.info.state == "ERROR"
    (span,) = trace.data.spans
    assert span.status.status_code == SpanStatusCode.ERROR
    assert "no such thing" in span.events[0].attributes["exception.message"]


def test_asynchronous_and_streaming_functions():
    @mlflow.trace
    async def later(x):
        await asyncio.sleep(0)
        return x * 2

    @mlflow.trace
    def stream():
        yield from ("a", "b")

    assert asyncio.run(later(2)) == 4
    assert last_trace().data.spans[0].outputs == 4
    assert list(stream()) == ["a", "b"]
    assert last_trace().data.spans[0].outputs == ["a", "b"]


def test_traces_are_searched_by_what_they_are():
    for number in range(3):

        @mlflow.trace(name=f"step-{number}")
        def step():
            mlflow.update_current_trace(
                tags={"kind": "even" if number % 2 == 0 else "odd"},
                metadata={"mlflow.trace.session": "s1", "mlflow.trace.user": "ann"},
                client_request_id=f"request-{number}",
            )
            with mlflow.start_span("tool", span_type=SpanType.TOOL) as span:
                span.set_attribute("model", f"model-{number}")

        step()
        time.sleep(0.005)  # their order is asked for below, by milliseconds
    mlflow.flush_trace_async_logging()

    def names(filter_string, **named):
        found = mlflow.search_traces(filter_string=filter_string, return_type="list", **named)
        return [trace.info.tags["mlflow.traceName"] for trace in found]

    assert sorted(names("tags.kind = 'even'")) == ["step-0", "step-2"]
    assert names("trace.name = 'step-1' AND trace.status = 'OK'") == ["step-1"]
    assert names("attributes.client_request_id = 'request-2'") == ["step-2"]
    assert names("span.type = 'TOOL' AND span.attributes.model LIKE '%model-1%'") == ["step-1"]
    assert len(names("metadata.`mlflow.trace.session` = 's1'")) == 3
    assert names("trace.text LIKE '%model-0%'") == ["step-0"]
    assert names("", order_by=["timestamp ASC"], max_results=1) == ["step-0"]
    with pytest.raises(MlflowException, match="Invalid"):
        names("nonsense = 'x'")


def test_people_and_judges_say_what_they_think(client):
    add_one(1)
    trace_id = last_trace().info.trace_id
    source = AssessmentSource(source_type="HUMAN", source_id="ann")
    first = mlflow.log_feedback(trace_id=trace_id, name="correct", value=False, source=source, rationale="off by one")
    mlflow.log_expectation(trace_id=trace_id, name="answer", value={"text": "two", "also": [2]}, source=source)
    mlflow.override_feedback(trace_id=trace_id, assessment_id=first.assessment_id, value=True, source=source)
    trace = mlflow.get_trace(trace_id)
    feedback = {(a.value, a.valid) for a in trace.search_assessments("correct", all=True)}
    assert feedback == {(False, False), (True, True)}
    (expectation,) = trace.search_assessments(type="expectation")
    assert expectation.value == {"text": "two", "also": [2]}
    updated = mlflow.update_assessment(trace_id, expectation.assessment_id, mlflow.entities.Expectation(name="answer", value="2"))
    assert (updated.value, updated.assessment_id) == ("2", expectation.assessment_id)
    assert len(mlflow.search_traces(filter_string="feedback.correct = 'true'", return_type="list")) == 1
    mlflow.delete_assessment(trace_id, first.assessment_id)
    assert [a.value for a in mlflow.get_trace(trace_id).search_assessments("correct", all=True)] == [True]


def test_tags_runs_and_deletion(client):
    with mlflow.start_run() as run:
        add_one(1)
    inside = last_trace().info.trace_id
    add_one(2)
    outside = last_trace().info.trace_id
    client.set_trace_tag(outside, "seen", "yes")
    assert mlflow.get_trace(outside).info.tags["seen"] == "yes"
    client.delete_trace_tag(outside, "seen")
    assert "seen" not in mlflow.get_trace(outside).info.tags
    client.link_traces_to_run([outside], run.info.run_id)
    linked = mlflow.search_traces(run_id=run.info.run_id, return_type="list")
    assert {trace.info.trace_id for trace in linked} == {inside, outside}
    assert client.delete_traces("0", trace_ids=[inside]) == 1
    assert mlflow.get_trace(inside) is None


def test_a_program_without_mlflow_sends_spans_by_opentelemetry(tracking_uri):
    exporter = OTLPSpanExporter(
        endpoint=f"{tracking_uri}/v1/traces",
        headers={"x-mlflow-experiment-id": "0", "authorization": f"Bearer {TOKEN}"},
    )
    provider = TracerProvider(resource=Resource.create({"service.name": "shop", "deployment.environment": "prod"}))
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    tracer = provider.get_tracer("shop")
    with tracer.start_as_current_span("checkout") as outer:
        outer.set_attribute("basket.sizes", [1, 2, 3])
        with tracer.start_as_current_span("chat gpt-4") as inner:
            inner.set_attributes({
                "gen_ai.operation.name": "chat",
                "gen_ai.request.model": "gpt-4",
                "gen_ai.usage.input_tokens": 7,
                "gen_ai.usage.output_tokens": 3,
            })
    (trace,) = mlflow.search_traces(return_type="list")
    assert trace.info.trace_id == f"tr-{outer.get_span_context().trace_id:032x}"
    assert trace.info.tags["service.name"] == "shop"
    assert trace.info.token_usage == {"input_tokens": 7, "output_tokens": 3, "total_tokens": 10}
    root, chat = trace.data.spans
    assert root.get_attribute("basket.sizes") == [1, 2, 3]
    assert (chat.span_type, chat.parent_id) == (SpanType.CHAT_MODEL, root.span_id)


def test_spans_link_to_spans_of_other_traces():
    from mlflow.entities import Link

    with mlflow.start_span("first") as first:
        pass
    with mlflow.start_span("second", links=[Link(trace_id=first.trace_id, span_id=first.span_id, attributes={"why": "retry"})]):
        pass
    (link,) = last_trace().data.spans[0].links
    assert (link.trace_id, link.span_id, link.attributes) == (first.trace_id, first.span_id, {"why": "retry"})
