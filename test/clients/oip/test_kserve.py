"""KServe's own inference client: version 1 and 2 over HTTP, and gRPC."""

import asyncio
import importlib.util
import os
import sys
import types

import numpy as np
import pytest

# The package's front door imports a Kubernetes client and a web framework; the inference client needs neither.
package = types.ModuleType("kserve")
package.__path__ = list(importlib.util.find_spec("kserve").submodule_search_locations)
sys.modules["kserve"] = package
from kserve.inference_client import InferenceGRPCClient, InferenceRESTClient, RESTConfig  # noqa: E402
from kserve.protocol.infer_type import InferInput, InferRequest  # noqa: E402

BASE = os.environ["SETPOINT_URL"]
GRPC = os.environ["SETPOINT_GRPC"]
KEY = f"Bearer {os.environ['SETPOINT_TOKEN']}"
HEADERS = {"authorization": KEY}
METADATA = [("authorization", KEY)]


def request_for(model, binary=False, datatype="FP32", name="features", rows=((0.9, 0.1), (0.1, 0.9)), dtype=np.float32):
    array = np.array(rows, dtype=dtype)
    tensor = InferInput(name=name, shape=list(array.shape), datatype=datatype)
    tensor.set_data_from_numpy(array, binary_data=binary)
    return InferRequest(model_name=model, infer_inputs=[tensor])


def numpy_of(response, name):
    return next(output for output in response.outputs if output.name == name).as_numpy()


@pytest.mark.parametrize("binary", [False, True])
def test_version_2(binary):
    async def run():
        client = InferenceRESTClient(RESTConfig(protocol="v2", retries=0))
        assert await client.is_server_live(BASE, headers=HEADERS)
        assert await client.is_server_ready(BASE, headers=HEADERS)
        assert await client.is_model_ready(BASE, "churn", headers=HEADERS)
        response = await client.infer(BASE, request_for("churn", binary), model_name="churn", headers=HEADERS)
        await client.close()
        return response

    assert numpy_of(asyncio.run(run()), "prediction").tolist() == [[1], [0]]


def test_version_1():
    async def run():
        client = InferenceRESTClient(RESTConfig(protocol="v1", retries=0))
        assert await client.is_model_ready(BASE, "churn", headers=HEADERS)
        response = await client.infer(BASE, {"instances": [[0.9, 0.1], [0.1, 0.9]]}, model_name="churn", headers=HEADERS)
        await client.close()
        return response

    assert asyncio.run(run())["predictions"] == [1, 0]


def test_errors_are_told():
    async def run():
        client = InferenceRESTClient(RESTConfig(protocol="v2", retries=0))
        try:
            await client.infer(BASE, request_for("nowhere"), model_name="nowhere", headers=HEADERS)
        finally:
            await client.close()

    with pytest.raises(Exception, match="no deployment nowhere"):
        asyncio.run(run())


@pytest.mark.parametrize("binary", [False, True])
def test_grpc(binary):
    async def run():
        client = InferenceGRPCClient(GRPC)
        assert await client.is_server_live()
        assert await client.is_server_ready()
        assert await client.is_model_ready("churn", headers=METADATA)
        response = await client.infer(request_for("churn", binary), headers=METADATA)
        whole = request_for("identity-int64", binary, "INT64", "x", ((2**53 + 1, -(2**63)),), np.int64)
        identity = await client.infer(whole, headers=METADATA)
        await client.close()
        return response, identity

    response, identity = asyncio.run(run())
    assert numpy_of(response, "prediction").ravel().tolist() == [1, 0]
    assert numpy_of(identity, "y").ravel().tolist() == [2**53 + 1, -(2**63)]
