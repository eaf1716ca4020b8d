"""What the scripts beside this one share: the streams that the bench wrote, and the counting of alarms.

Arguments of each script: FILE (a 64-bit float per row, stream after stream), the rows of reference, stable and changed
part, and what a sample is: `error` or `number`.
"""
import json
import sys

import numpy as np

path, reference, stable, changed = sys.argv[1], *map(int, sys.argv[2:5])
sample = sys.argv[5]
streams = np.fromfile(path, np.float64).reshape(-1, reference + stable + changed)


def outcome(name, create, count=None):
    """`create` is given the reference and returns a function that is told each row and answers whether it alarms."""
    false_alarms, delays = 0, []
    for stream in streams[:count]:
        watch = create(stream[:reference])
        delay = None
        for row, value in enumerate(stream[reference:].tolist()):
            if watch(value):
                if row < stable:
                    false_alarms += 1
                else:
                    delay = row - stable + 1
                    break
        delays.append(delay)
    return {"detector": name, "falseAlarms": false_alarms, "stableRows": len(delays) * stable, "delays": delays}


def windowed(name, size, judge, count=None):
    """`judge` is given the reference and all whole windows of `size` rows, and says which of them drifted. The change comes
    at the start of a window: the delay is that of the whole windows until the first that drifted."""
    false_alarms, delays = 0, []
    for stream in streams[:count]:
        live = stream[reference:]
        calm = judge(stream[:reference], live[: stable - stable % size].reshape(-1, size))
        after = judge(stream[:reference], live[stable : stable + changed - changed % size].reshape(-1, size))
        false_alarms += int(np.sum(calm))
        delays.append(int((np.argmax(after) + 1) * size) if np.any(after) else None)
    stable_rows = len(delays) * (stable - stable % size)
    return {"detector": name, "falseAlarms": false_alarms, "stableRows": stable_rows, "delays": delays}


def tell(outcomes):
    print(json.dumps(outcomes))
