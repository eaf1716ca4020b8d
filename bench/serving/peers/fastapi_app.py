"""The usual way: FastAPI on uvicorn with ONNX Runtime, one thread a session."""

import os

import numpy as np
import onnxruntime as ort
from fastapi import FastAPI
from pydantic import BaseModel

options = ort.SessionOptions()
options.intra_op_num_threads = 1
options.inter_op_num_threads = 1
session = ort.InferenceSession(os.environ["BENCH_MODEL"], options, providers=["CPUExecutionProvider"])
input_name = session.get_inputs()[0].name
output_name = session.get_outputs()[-1].name
app = FastAPI()


class Tensor(BaseModel):
    name: str
    shape: list[int]
    datatype: str
    data: list[float]


class Request(BaseModel):
    inputs: list[Tensor]


@app.get("/ready")
async def ready():
    return {"ready": True}


@app.post("/v2/models/trees/infer")
async def infer(request: Request):
    tensor = request.inputs[0]
    rows = np.asarray(tensor.data, dtype=np.float32).reshape(tensor.shape)
    scores = session.run([output_name], {input_name: rows})[0]
    data = scores.ravel().tolist()
    return {"model_name": "trees", "outputs": [{"name": "score", "datatype": "FP32", "shape": list(scores.shape), "data": data}]}
