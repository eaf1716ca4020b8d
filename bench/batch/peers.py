"""Scores a Parquet file with onnxruntime, read by pyarrow or pandas. Prints the seconds from opening the file to the file written, and the
processor seconds spent."""
import resource
import sys
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import onnxruntime as ort
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

how, model, source, target, threads, block = sys.argv[1], sys.argv[2], sys.argv[3], sys.argv[4], int(sys.argv[5]), int(sys.argv[6])
options = ort.SessionOptions()
options.intra_op_num_threads = threads if how == "pandas" else 1
session = ort.InferenceSession(model, options, providers=["CPUExecutionProvider"])
features = session.get_inputs()[0].shape[1]
names = [f"f{i}" for i in range(features)]
session.run(["probability"], {"features": np.zeros((block, features), dtype=np.float32)})


def score(values):
    return session.run(["probability"], {"features": values})[0][:, 0]


def columns(ids, scores):
    count = len(scores)
    return {
        "id": ids,
        "score": scores.astype(np.float64),
        "prediction": (scores >= 0.5).astype(np.int32),
        "model_version": np.full(count, 1, dtype=np.int32),
        "run_id": np.full(count, "run"),
        "scored_at": np.full(count, np.datetime64("2026-01-01", "ms")),
    }


def whole_frame():
    """As a notebook does it: one frame, one array, one call."""
    frame = pd.read_parquet(source, columns=["id", *names])
    scores = score(frame[names].to_numpy(dtype=np.float32))
    pd.DataFrame(columns(frame["id"], scores)).to_parquet(target, index=False, compression=None)


def by_batches():
    """As a careful job does it: batches, as many at once as there are threads, written as they come."""
    def one(batch):
        values = np.column_stack([batch.column(name).to_numpy(zero_copy_only=False) for name in names]).astype(np.float32, copy=False)
        return pa.table(columns(batch.column("id"), score(values)))

    batches = pq.ParquetFile(source).iter_batches(batch_size=block, columns=["id", *names])
    writer = None
    with ThreadPoolExecutor(threads) as pool:
        waiting = []
        for batch in batches:
            waiting.append(pool.submit(one, batch))
            if len(waiting) > threads * 2:
                table = waiting.pop(0).result()
                writer = writer or pq.ParquetWriter(target, table.schema, compression="none")
                writer.write_table(table)
        for left in waiting:
            table = left.result()
            writer = writer or pq.ParquetWriter(target, table.schema, compression="none")
            writer.write_table(table)
    writer.close()


def busy():
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


started, used = time.perf_counter(), busy()
whole_frame() if how == "pandas" else by_batches()
print(time.perf_counter() - started, busy() - used)
