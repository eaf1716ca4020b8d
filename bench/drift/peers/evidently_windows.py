"""Evidently's drift of one column, with the method and threshold it chooses, on windows of n rows."""
import importlib.metadata

import numpy as np
import pandas as pd
from evidently import Report
from evidently.metrics import ValueDrift

from streams import tell, windowed

VERSION = importlib.metadata.version("evidently")


def judge(reference, windows):
    frame = pd.DataFrame({"x": reference})

    def drifted(window):
        metric = Report([ValueDrift(column="x")]).run(pd.DataFrame({"x": window}), frame).dict()["metrics"][0]
        value, config = float(metric["value"]), metric["config"]
        method = str(config["method"] if config.get("method") else metric["metric_name"])
        return value < config["threshold"] if "p_value" in method else value >= config["threshold"]

    return np.array([drifted(window) for window in windows])


tell([windowed(f"Evidently {VERSION}, windows of {size}", size, judge) for size in (200, 1000)])
