"""Runs River's detectors over the streams that run.ts wrote, and prints their alarms as JSON.

Arguments: FILE (one byte per row, stream after stream), then the rows of reference, stable and changed part.
Each detector sees the reference first; alarms there are not counted.
"""
import json
import sys

import numpy as np
import river
from river import drift
from river.drift import binary

path, reference, stable, changed = sys.argv[1], *map(int, sys.argv[2:5])
streams = np.fromfile(path, np.uint8).reshape(-1, reference + stable + changed).tolist()

detectors = {
    "ADWIN": lambda: drift.ADWIN(),
    "ADWIN, delta 0.05": lambda: drift.ADWIN(delta=0.05),
    "Page-Hinkley": lambda: drift.PageHinkley(),
    "Page-Hinkley, threshold 20": lambda: drift.PageHinkley(threshold=20),
    "KSWIN": lambda: drift.KSWIN(seed=1),
    "HDDM-A": lambda: binary.HDDMA(),
    "HDDM-W": lambda: binary.HDDMW(),
    "HDDM-W, drift 0.0001": lambda: binary.HDDMW(drift_confidence=0.0001),
    "DDM": lambda: binary.DDM(),
    "EDDM": lambda: binary.EDDM(),
}


def run(create, count):
    false_alarms, delays = 0, []
    for stream in streams[:count]:
        detector = create()
        delay = None
        for row, error in enumerate(stream):
            detector.update(error)
            if detector.drift_detected and row >= reference:
                if row < reference + stable:
                    false_alarms += 1
                else:
                    delay = row - reference - stable + 1
                    break
        delays.append(delay)
    return {"falseAlarms": false_alarms, "stableRows": len(delays) * stable, "delays": delays}


outcomes = []
for name, create in detectors.items():
    # KSWIN runs a test of SciPy on every row, a hundred times slower than the rest: it gets fewer streams.
    count = len(streams) if name != "KSWIN" else min(len(streams), 12)
    outcomes.append({"detector": f"River {river.__version__} {name}", **run(create, count)})
json.dump(outcomes, sys.stdout)
