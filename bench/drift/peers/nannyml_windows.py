"""NannyML's univariate drift with its default method and thresholds, on chunks of n rows."""
import importlib.metadata

import nannyml
import numpy as np
import pandas as pd

from streams import sample, tell, windowed

VERSION = importlib.metadata.version("nannyml")
nannyml.disable_usage_logging() if hasattr(nannyml, "disable_usage_logging") else None


def judge(reference, windows):
    size = windows.shape[1]
    kind = "category" if sample == "error" else "float"
    frame = lambda values: pd.DataFrame({"x": pd.Series(values).astype(kind)})
    calculator = nannyml.UnivariateDriftCalculator(column_names=["x"], chunk_size=size).fit(frame(reference))
    result = calculator.calculate(frame(windows.reshape(-1))).filter(period="analysis").to_df()
    return result[("x", "jensen_shannon", "alert")].to_numpy(dtype=bool)


tell([windowed(f"NannyML {VERSION}, chunks of {size}", size, judge) for size in (200, 1000)])
