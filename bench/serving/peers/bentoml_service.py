"""BentoML: a service with ONNX Runtime."""

import os

import bentoml
import numpy as np
import onnxruntime as ort


@bentoml.service(workers=int(os.environ.get("BENCH_WORKERS", "1")), traffic={"timeout": 10})
class Trees:
    def __init__(self) -> None:
        options = ort.SessionOptions()
        options.intra_op_num_threads = 1
        options.inter_op_num_threads = 1
        self.session = ort.InferenceSession(os.environ["BENCH_MODEL"], options, providers=["CPUExecutionProvider"])
        self.input = self.session.get_inputs()[0].name
        self.output = self.session.get_outputs()[-1].name

    @bentoml.api
    async def infer(self, inputs: list[dict]) -> dict:
        tensor = inputs[0]
        rows = np.asarray(tensor["data"], dtype=np.float32).reshape(tensor["shape"])
        scores = self.session.run([self.output], {self.input: rows})[0]
        return {"outputs": [{"name": "score", "shape": list(scores.shape), "data": scores.ravel().tolist()}]}
