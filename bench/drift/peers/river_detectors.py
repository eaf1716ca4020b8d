"""River's detectors over the streams of the bench. They see the reference first; alarms there are not counted."""
import river
from river import drift
from river.drift import binary

from streams import outcome, sample, streams, tell

any_number = {
    "ADWIN": lambda: drift.ADWIN(),
    "ADWIN, delta 0.05": lambda: drift.ADWIN(delta=0.05),
    "ADWIN, delta 0.3": lambda: drift.ADWIN(delta=0.3),
    "Page-Hinkley": lambda: drift.PageHinkley(),
    "Page-Hinkley, threshold 20": lambda: drift.PageHinkley(threshold=20),
    "KSWIN": lambda: drift.KSWIN(seed=1),
}
errors_only = {
    "HDDM-A": lambda: binary.HDDMA(),
    "HDDM-W": lambda: binary.HDDMW(),
    "HDDM-W, drift 0.0001": lambda: binary.HDDMW(drift_confidence=0.0001),
    "FHDDM": lambda: binary.FHDDM(),
    "DDM": lambda: binary.DDM(),
    "EDDM": lambda: binary.EDDM(),
}


def watching(create):
    def begin(reference):
        detector = create()
        for value in reference.tolist():
            detector.update(value)

        def watch(value):
            detector.update(value)
            return detector.drift_detected

        return watch

    return begin


chosen = {**any_number, **errors_only} if sample == "error" else any_number
# KSWIN runs a test of SciPy on every row, a hundred times slower than the rest: it gets fewer streams.
tell([outcome(f"River {river.__version__} {name}", watching(create), max(1, len(streams) // 30) if name == "KSWIN" else None) for name, create in chosen.items()])
