"""Nanoseconds per update of River's detectors on the first stream of the file. Arguments as for streams.py."""
import json
import time

from river import drift
from river.drift import binary

from streams import streams

values = streams[0].tolist()
detectors = {
    "adwin": drift.ADWIN,
    "page-hinkley": drift.PageHinkley,
    "kswin": drift.KSWIN,
    "ddm": binary.DDM,
    "eddm": binary.EDDM,
    "hddm-a": binary.HDDMA,
    "hddm-w": binary.HDDMW,
}


def cost(create, rows):
    best = float("inf")
    for _ in range(3):
        detector = create()
        start = time.perf_counter_ns()
        for value in rows:
            detector.update(value)
        best = min(best, (time.perf_counter_ns() - start) / len(rows))
    return best


print(json.dumps({kind: cost(create, values[:1000] if kind == "kswin" else values) for kind, create in detectors.items()}))
