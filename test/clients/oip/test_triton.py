"""Triton's client over HTTP and gRPC, with its own defaults: binary tensors, every datatype, streams, the repository."""

import os
import queue

import numpy as np
import pytest
import tritonclient.grpc as over_grpc
import tritonclient.http as over_http
from tritonclient.utils import InferenceServerException

HOST = os.environ["SETPOINT_URL"].removeprefix("http://")
GRPC = os.environ["SETPOINT_GRPC"]


def key():
    """The headers of one call: the client writes its own into what it is given."""
    return {"authorization": f"Bearer {os.environ['SETPOINT_TOKEN']}"}


SAMPLES = {
    "BOOL": np.array([[True, False], [False, True]]),
    "UINT8": np.array([[0, 255]], dtype=np.uint8),
    "UINT16": np.array([[0, 65535]], dtype=np.uint16),
    "UINT32": np.array([[0, 2**32 - 1]], dtype=np.uint32),
    "UINT64": np.array([[0, 2**64 - 1]], dtype=np.uint64),
    "INT8": np.array([[-128, 127]], dtype=np.int8),
    "INT16": np.array([[-(2**15), 2**15 - 1]], dtype=np.int16),
    "INT32": np.array([[-(2**31), 2**31 - 1]], dtype=np.int32),
    "INT64": np.array([[-(2**63), 2**63 - 1, 2**53 + 1]], dtype=np.int64),
    "FP16": np.array([[0.5, -65504.0]], dtype=np.float16),
    "FP32": np.array([[0.1, -1e30, np.inf]], dtype=np.float32),
    "FP64": np.array([[0.1, -1e300]], dtype=np.float64),
    "BYTES": np.array([["one", ""], ["é", "drei"]], dtype=object),
}


@pytest.fixture(params=["http", "grpc"])
def side(request):
    """The client of one transport, and its module."""
    module = over_http if request.param == "http" else over_grpc
    client = module.InferenceServerClient(HOST if request.param == "http" else GRPC)
    yield module, client
    client.close()


def ask(module, client, name, array, datatype, model=None, **named):
    tensor = module.InferInput(name, list(array.shape), datatype)
    tensor.set_data_from_numpy(array)
    return client.infer(model, [tensor], headers=key(), **named)


def test_health_and_metadata(side):
    module, client = side
    assert client.is_server_live() and client.is_server_ready()
    assert client.is_model_ready("churn", headers=key())
    if module is over_http:
        assert client.get_server_metadata()["name"] == "setpoint"
        assert client.get_model_metadata("churn", headers=key())["inputs"][0]["shape"] == [-1, 2]
        assert client.get_model_config("churn", headers=key())["max_batch_size"] > 0
        assert not client.is_model_ready("nowhere", headers=key())
    else:
        assert client.get_server_metadata().name == "setpoint"
        assert list(client.get_model_metadata("churn", headers=key()).inputs[0].shape) == [-1, 2]
        config = client.get_model_config("churn", headers=key(), as_json=True)["config"]
        assert config["input"][0]["data_type"] == "TYPE_FP32" and config["max_batch_size"] > 0


@pytest.mark.parametrize("datatype", SAMPLES)
def test_every_datatype_comes_back_as_it_was_sent(side, datatype):
    module, client = side
    sent = SAMPLES[datatype]
    result = ask(module, client, "x", sent, datatype, model=f"identity-{datatype.lower()}").as_numpy("y")
    if datatype == "BYTES":
        assert [[one.decode() for one in row] for row in result] == sent.tolist()
    else:
        assert result.dtype == sent.dtype
        np.testing.assert_array_equal(result, sent)


@pytest.mark.parametrize("datatype", [name for name in SAMPLES if name not in ("FP16",)])
def test_every_datatype_in_json(datatype):
    client = over_http.InferenceServerClient(HOST)
    sent = np.nan_to_num(SAMPLES[datatype], posinf=1) if datatype == "FP32" else SAMPLES[datatype]
    tensor = over_http.InferInput("x", list(sent.shape), datatype)
    tensor.set_data_from_numpy(sent, binary_data=False)
    wanted = over_http.InferRequestedOutput("y", binary_data=False)
    result = client.infer(f"identity-{datatype.lower()}", [tensor], outputs=[wanted], headers=key()).as_numpy("y")
    assert result.tolist() == sent.tolist()
    client.close()


def test_rows_are_scored(side):
    module, client = side
    rows = np.array([[0.9, 0.1], [0.1, 0.9]], dtype=np.float32)
    result = ask(module, client, "features", rows, "FP32", model="churn", request_id="triton-1")
    assert result.as_numpy("prediction").tolist() == [[1], [0]]
    assert result.as_numpy("score").shape == (2, 1)
    outputs = [module.InferRequestedOutput("score")]
    assert ask(module, client, "features", rows, "FP32", model="churn", outputs=outputs).as_numpy("prediction") is None


@pytest.mark.parametrize("algorithm", ["gzip", "deflate"])
def test_requests_may_be_packed(side, algorithm):
    module, client = side
    rows = np.array([[0.9, 0.1]], dtype=np.float32)
    named = {"request_compression_algorithm": algorithm} if module is over_http else {"compression_algorithm": algorithm}
    assert ask(module, client, "features", rows, "FP32", model="churn", **named).as_numpy("prediction").tolist() == [[1]]


def test_many_at_once(side):
    module, client = side
    rows = np.array([[0.9, 0.1]], dtype=np.float32)
    tensor = module.InferInput("features", [1, 2], "FP32")
    tensor.set_data_from_numpy(rows)
    if module is over_http:
        pending = [client.async_infer("churn", [tensor], headers=key()) for _ in range(50)]
        answers = [one.get_result() for one in pending]
    else:
        found = queue.Queue()
        for _ in range(50):
            client.async_infer("churn", [tensor], lambda result, error: found.put((result, error)), headers=key())
        answers = [found.get(timeout=30)[0] for _ in range(50)]
    assert all(answer.as_numpy("prediction").tolist() == [[1]] for answer in answers)


def test_a_stream_answers_each_request():
    client = over_grpc.InferenceServerClient(GRPC)
    found = queue.Queue()
    client.start_stream(lambda result, error: found.put((result, error)), headers=key())
    for i in range(10):
        tensor = over_grpc.InferInput("features", [1, 2], "FP32")
        tensor.set_data_from_numpy(np.array([[i % 2, 0.5]], dtype=np.float32))
        client.async_stream_infer("churn", [tensor], request_id=f"s{i}")
    answers = [found.get(timeout=30) for _ in range(10)]
    client.async_stream_infer("nowhere", [tensor])
    assert "no deployment nowhere" in str(found.get(timeout=30)[1])
    client.stop_stream()
    client.close()
    assert [error for _, error in answers] == [None] * 10
    assert [int(result.as_numpy("prediction")[0, 0]) for result, _ in answers] == [0, 1] * 5
    assert [result.get_response().id for result, _ in answers] == [f"s{i}" for i in range(10)]


def test_errors_are_told(side):
    module, client = side
    with pytest.raises(InferenceServerException, match="the model takes 2 features"):
        ask(module, client, "features", np.zeros((1, 3), dtype=np.float32), "FP32", model="churn")
    with pytest.raises(InferenceServerException, match="no deployment nowhere"):
        ask(module, client, "features", np.zeros((1, 2), dtype=np.float32), "FP32", model="nowhere")
    with pytest.raises(InferenceServerException, match="API key"):
        tensor = module.InferInput("features", [1, 2], "FP32")
        tensor.set_data_from_numpy(np.zeros((1, 2), dtype=np.float32))
        client.infer("churn", [tensor])
    with pytest.raises(InferenceServerException, match="classification"):
        outputs = [module.InferRequestedOutput("score", class_count=2)]
        ask(module, client, "features", np.zeros((1, 2), dtype=np.float32), "FP32", model="churn", outputs=outputs)


def test_the_repository(side):
    module, client = side
    index = client.get_model_repository_index(headers=key())
    names = [one["name"] for one in index] if module is over_http else [one.name for one in index.models]
    assert "churn" in names
    client.unload_model("identity-uint8", headers=key())
    assert not client.is_model_ready("identity-uint8", headers=key())
    client.load_model("identity-uint8", headers=key())
    assert client.is_model_ready("identity-uint8", headers=key())


def test_statistics(side):
    module, client = side
    ask(module, client, "features", np.zeros((3, 2), dtype=np.float32), "FP32", model="churn")
    found = client.get_inference_statistics("churn", headers=key())
    one = found["model_stats"][0] if module is over_http else found.model_stats[0]
    count = one["inference_count"] if module is over_http else one.inference_count
    assert count >= 3
