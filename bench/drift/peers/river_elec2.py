"""The rows at which River's detectors alarm on one stream of errors. Arguments: FILE (a 64-bit float per row: the reference,
then the stream) and the rows of the reference, which the detectors see first."""
import json
import sys

import numpy as np
import river
from river import drift
from river.drift import binary

values = np.fromfile(sys.argv[1], np.float64).tolist()
reference = int(sys.argv[2])
detectors = {
    "ADWIN": drift.ADWIN,
    "Page-Hinkley": drift.PageHinkley,
    "HDDM-A": binary.HDDMA,
    "HDDM-W": binary.HDDMW,
    "FHDDM": binary.FHDDM,
    "DDM": binary.DDM,
    "EDDM": binary.EDDM,
    "KSWIN": lambda: drift.KSWIN(seed=1),
}


def alarms(create):
    detector = create()
    rows = []
    for row, value in enumerate(values):
        detector.update(value)
        if row >= reference and detector.drift_detected:
            rows.append(row - reference)
    return rows


print(json.dumps({f"River {river.__version__} {name}": alarms(create) for name, create in detectors.items()}))
