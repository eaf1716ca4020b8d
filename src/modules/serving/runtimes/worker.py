"""Loads the MLflow folder of one model version and answers calls, one after another, over its standard input and output.

A message is two lengths of 4 bytes (little-endian), a head in JSON, and a body: the tensors one after another, as the
Open Inference Protocol lays them out in binary. What the model itself prints goes to standard error.
"""

import json
import os
import struct
import sys
import threading
import time

MOST_MESSAGE_BYTES = 256 * 1024 * 1024
DATATYPES = {
    "bool": "BOOL",
    "uint8": "UINT8",
    "uint16": "UINT16",
    "uint32": "UINT32",
    "uint64": "UINT64",
    "int8": "INT8",
    "int16": "INT16",
    "int32": "INT32",
    "int64": "INT64",
    "float16": "FP16",
    "float32": "FP32",
    "float64": "FP64",
}
NUMPY_NAMES = {datatype: name for name, datatype in DATATYPES.items()}


class Refused(Exception):
    """What the caller sent does not fit the model."""


class Unsupported(Exception):
    """What the model gives cannot be carried."""


def claim_channel():
    """Takes standard input and output for messages; the model finds them empty, and its prints on standard error."""
    reader, writer = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.dup2(2, 1)
    sys.stdout = os.fdopen(1, "w", buffering=1, errors="replace", closefd=False)
    return reader, writer


def end_with_parent():
    """A server that was killed leaves no worker behind, not even one in the middle of a call."""
    parent = os.getppid()

    def watch():
        while os.getppid() == parent:
            time.sleep(1)
        os._exit(3)

    threading.Thread(target=watch, daemon=True).start()


def read_exactly(reader, size):
    data = reader.read(size)
    if len(data) < size:
        raise EOFError
    return data


def read_message(reader):
    head_bytes, body_bytes = struct.unpack("<II", read_exactly(reader, 8))
    if head_bytes + body_bytes > MOST_MESSAGE_BYTES:
        raise EOFError
    return json.loads(read_exactly(reader, head_bytes)), read_exactly(reader, body_bytes)


def write_message(writer, head, parts=()):
    text = json.dumps(head).encode()
    size = sum(len(part) for part in parts)
    if len(text) + size > MOST_MESSAGE_BYTES:
        return write_message(writer, fault("too_large", f"the answer has {size} bytes; at most {MOST_MESSAGE_BYTES} are carried"))
    writer.write(struct.pack("<II", len(text), size))
    writer.write(text)
    for part in parts:
        writer.write(part)
    writer.flush()


def fault(code, message):
    return {"fault": {"code": code, "message": str(message)[:2000]}}


def array_from(np, tensor, body, at):
    """A tensor of a message as an array; texts as an array of bytes objects."""
    data = body[at : at + tensor["bytes"]]
    if tensor["datatype"] != "BYTES":
        return np.frombuffer(data, dtype=NUMPY_NAMES[tensor["datatype"]]).reshape(tensor["shape"])
    elements, at = [], 0
    while at < len(data):
        (length,) = struct.unpack_from("<I", data, at)
        elements.append(data[at + 4 : at + 4 + length])
        at += 4 + length
    array = np.empty(len(elements), dtype=object)
    array[:] = elements
    return array.reshape(tensor["shape"])


def bytes_from(np, array):
    """The datatype and the bytes of an array."""
    name = array.dtype.name
    if name in DATATYPES:
        return DATATYPES[name], np.ascontiguousarray(array).tobytes()
    if array.dtype.kind not in "OUS" and not name.startswith("str"):
        raise Unsupported(f"the model gives values of type {name}, which cannot be carried")
    parts = []
    for value in array.ravel():
        text = value if isinstance(value, bytes) else plain_text(np, value)
        parts.append(struct.pack("<I", len(text)) + text)
    return "BYTES", b"".join(parts)


def plain_text(np, value):
    if isinstance(value, str):
        return value.encode()
    if isinstance(value, (np.generic, np.ndarray)):
        value = value.tolist()
    return json.dumps(value, default=str).encode()


class Model:
    """The model of a folder, as MLflow loads it, with the dtypes of its signature."""

    def __init__(self, folder, features):
        import mlflow.pyfunc
        import numpy
        import pandas

        self.np, self.pd = numpy, pandas
        self.model = mlflow.pyfunc.load_model(folder)
        self.features = features
        schema = self.model.metadata.get_input_schema()
        self.is_tensors = bool(schema) and schema.is_tensor_spec()
        self.columns = {field.name: field.type for field in schema.inputs} if schema and not self.is_tensors else None
        self.tensor_names = [field.name for field in schema.inputs] if self.is_tensors else []
        self.matrix_type = schema.inputs[0].type if self.is_tensors else None
        self.probability = self.find_probability()

    def find_probability(self):
        """How a classifier of two classes tells the probability of the second; None where the model is none."""
        get_raw = getattr(self.model, "get_raw_model", None)
        raw = None
        if get_raw is not None:
            try:
                raw = get_raw()
            except (NotImplementedError, AttributeError):
                raw = None
        classes = getattr(raw, "classes_", None)
        self.classes = None if classes is None else len(classes)
        return raw.predict_proba if self.classes == 2 and hasattr(raw, "predict_proba") else None

    def column(self, name, values):
        """Values as the signature has the column: numbers of its type, texts, dates, or what JSON holds."""
        from mlflow.types.schema import DataType

        kind = self.columns.get(name) if self.columns is not None else None
        if values.dtype != object:
            if not isinstance(kind, DataType):
                return values
            wanted = kind.to_numpy()
            if wanted.kind in "iub" and values.dtype.kind == "f" and self.np.isnan(values).any():
                raise Refused(f"column {name} holds whole numbers, which have no missing value; one of the rows has none")
            return values.astype(wanted) if wanted.kind in "iufb" else values
        if kind == DataType.binary:
            return values
        try:
            texts = [value.decode() for value in values]
            if kind == DataType.datetime:
                return self.pd.to_datetime(self.pd.Series(texts), format="ISO8601").to_numpy()
            cells = self.np.empty(len(texts), dtype=object)
            cells[:] = texts if kind is None or kind == DataType.string else [json.loads(text) for text in texts]
            return cells
        except ValueError as error:
            raise Refused(f"column {name} is {kind}: {error}") from error

    def rows_from_matrix(self, matrix):
        """Rows of features as the model takes them: an array, or a table by name."""
        if self.is_tensors:
            array = matrix.astype(self.matrix_type)
            return array if self.tensor_names in ([None], []) else {self.tensor_names[0]: array}
        return self.pd.DataFrame({name: self.column(name, matrix[:, i]) for i, name in enumerate(self.features)})

    def rows_from_tensors(self, arrays):
        """The tensors of a call as the model takes them."""
        if self.is_tensors:
            if self.tensor_names == [None]:
                return next(iter(arrays.values()))
            return {name: arrays[f"input-{i}" if name is None else name] for i, name in enumerate(self.tensor_names)}
        if self.columns is None:
            return self.rows_from_matrix(next(iter(arrays.values())))
        table = {}
        for i, (name, _) in enumerate(self.columns.items()):
            label = f"input-{i}" if name is None else name
            array = arrays[label]
            if array.ndim > 1 and array.shape[1:] != (1,):
                cells = self.np.empty(len(array), dtype=object)
                cells[:] = [row.tolist() for row in array]
                table[label] = cells
            else:
                table[label] = self.column(name, array.reshape(-1))
        return self.pd.DataFrame(table)

    def score(self, rows):
        """One number a row: the probability of the second of two classes where the model tells it, else what it predicts."""
        if self.classes is not None and self.classes > 2:
            raise Unsupported(f"it tells {self.classes} classes apart")
        given = self.probability(rows) if self.probability is not None else self.model.predict(rows)
        array = self.array_of(next(iter(given.values())) if isinstance(given, dict) and len(given) == 1 else given)
        if array.dtype.kind not in "iufb":
            raise Unsupported(f"it predicts values of type {array.dtype.name}, which are no scores")
        array = array.reshape(len(array), -1) if array.ndim > 0 else array.reshape(1, 1)
        if array.shape[1] > 2:
            raise Unsupported(f"it predicts {array.shape[1]} values a row; one score, or two class probabilities, are needed")
        return array[:, -1].astype("float32")

    def array_of(self, given):
        if isinstance(given, (self.pd.DataFrame, self.pd.Series)):
            return given.to_numpy()
        if hasattr(given, "toarray"):
            return given.toarray()
        if isinstance(given, (list, tuple)) and any(isinstance(one, (dict, str, bytes)) for one in given):
            cells = self.np.empty(len(given), dtype=object)
            cells[:] = given
            return cells
        array = self.np.asarray(given)
        return array.reshape(1) if array.ndim == 0 else array

    def predict(self, rows, names):
        """What the model predicts, by the names of its signature’s outputs, else its own."""
        given = self.model.predict(rows)
        if isinstance(given, self.pd.DataFrame):
            found = {str(name): given[name].to_numpy() for name in given.columns}
        elif isinstance(given, dict):
            found = {str(name): self.array_of(value) for name, value in given.items()}
        else:
            found = {names[0] if len(names) == 1 else "output-0": self.array_of(given)}
        if len(names) == len(found) and not set(names) & set(found):
            found = dict(zip(names, found.values()))
        return found


def limit_memory(more_bytes):
    """Lets this process take so much more than it has now; one call cannot take the memory of the machine."""
    try:
        import resource

        with open("/proc/self/status", encoding="ascii") as status:
            kilobytes = next(int(line.split()[1]) for line in status if line.startswith("VmData"))
        resource.setrlimit(resource.RLIMIT_DATA, (kilobytes * 1024 + more_bytes, resource.RLIM_INFINITY))
    except (ImportError, OSError, ValueError, StopIteration) as error:
        print(f"memory of the worker is not limited: {error}", file=sys.stderr)


def load(head):
    model = Model(head["folder"], head["features"])
    told = {"tabular": False, "problem": None, "probability": model.probability is not None}
    if model.features:
        try:
            matrix = model.np.zeros((1, len(model.features)), dtype="float32")
            scores = model.score(model.rows_from_matrix(matrix))
            if len(scores) != 1:
                raise Unsupported(f"it predicts {len(scores)} values for one row")
            told["tabular"] = True
        except Exception as error:  # the model is another’s code: whatever it raises, it gives no score
            told["problem"] = f"{type(error).__name__}: {error}"[:1000]
    if head.get("memoryBytes"):
        limit_memory(head["memoryBytes"])
    return model, told


def answer(model, head, body):
    """The head and the parts of the reply to one call."""
    np = model.np
    kind = head["kind"]
    if kind == "ping":
        return {}, []
    if kind == "score":
        matrix = np.frombuffer(body, dtype="float32").reshape(head["rows"], len(model.features))
        scores = model.score(model.rows_from_matrix(matrix))
        return {"rows": len(scores)}, [scores.tobytes()]
    arrays, at = {}, 0
    for tensor in head["tensors"]:
        arrays[tensor["name"]] = array_from(np, tensor, body, at)
        at += tensor["bytes"]
    rows = model.rows_from_tensors(arrays)
    found = model.predict(rows, head["outputs"]) if head["predict"] else {}
    if head["score"]:
        found["score"] = model.score(rows)
    tensors, parts = [], []
    for name, array in found.items():
        datatype, data = bytes_from(np, array)
        tensors.append({"name": name, "datatype": datatype, "shape": list(array.shape), "bytes": len(data)})
        parts.append(data)
    return {"tensors": tensors}, parts


def main():
    reader, writer = claim_channel()
    end_with_parent()
    try:
        head, _ = read_message(reader)
        model, told = load(head)
    except EOFError:
        return
    except BaseException as error:  # told to the server, which decides what is next
        write_message(writer, fault("unavailable", f"{type(error).__name__}: {error}"))
        raise
    write_message(writer, told)
    while True:
        try:
            head, body = read_message(reader)
        except EOFError:
            return
        try:
            reply, parts = answer(model, head, body)
        except Refused as error:
            reply, parts = fault("invalid", error), []
        except Unsupported as error:
            reply, parts = fault("unsupported", f"the model gives no score a row: {error}"), []
        except MemoryError:
            reply, parts = {**fault("unavailable", "the call takes more memory than the worker may have"), "spent": True}, []
        except Exception as error:
            reply, parts = fault("internal", f"{type(error).__name__}: {error}"), []
        write_message(writer, reply, parts)


if __name__ == "__main__":
    main()
