"""A model for MLServer: the sum of each row."""

from mlserver import MLModel
from mlserver.codecs import NumpyCodec
from mlserver.types import InferenceResponse


class Summing(MLModel):
    async def load(self):
        return True

    async def predict(self, payload):
        rows = NumpyCodec.decode_input(payload.inputs[0])
        scores = rows.sum(axis=1).astype("float32")
        return InferenceResponse(model_name=self.name, outputs=[NumpyCodec.encode_output("score", scores)])
