"""The online detectors of alibi-detect that need no deep-learning framework, at an expected run time of 300 rows. They take
a long time to begin, CVMDriftOnline longest, so they get few streams."""
import os

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
import alibi_detect
import numpy as np
from alibi_detect.cd import CVMDriftOnline, FETDriftOnline

from streams import outcome, sample, streams, tell

WINDOWS = [20, 100]
BOOTSTRAPS = 700


def watching(ert):
    def begin(reference):
        np.random.seed(0)
        if sample == "error":
            detector = FETDriftOnline(reference.astype(np.int64), ert, WINDOWS, n_bootstraps=BOOTSTRAPS, verbose=False)
            cast = lambda value: np.array([int(value)])
        else:
            detector = CVMDriftOnline(reference, ert, WINDOWS, n_bootstraps=BOOTSTRAPS, verbose=False)
            cast = lambda value: np.array([value])

        def watch(value):
            drifted = bool(detector.predict(cast(value))["data"]["is_drift"])
            if drifted:
                detector.reset_state()
            return drifted

        return watch

    return begin


name = "FETDriftOnline" if sample == "error" else "CVMDriftOnline"
count = len(streams) if sample == "error" else max(1, len(streams) // 2)
tell([outcome(f"alibi-detect {alibi_detect.__version__} {name}, ert {ert}", watching(ert), count) for ert in (300,)])
