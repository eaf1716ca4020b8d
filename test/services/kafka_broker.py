"""A Kafka broker for tests: the mock cluster of librdkafka. Prints its address and serves until standard input ends.

The mock reads some requests of consumer groups wrongly in their flexible versions (JoinGroup 6, SyncGroup 4 and their like:
it expects plain arrays and byte strings there), and looks for the producer of an InitProducerId 3 that has none yet. So it is
told to offer the versions before.
"""

import ctypes
import glob
import os
import sys

import confluent_kafka

PARTITIONS = 4
PRODUCER = 0
HIGHEST_VERSIONS = {"OffsetCommit": (8, 7), "OffsetFetch": (9, 5), "JoinGroup": (11, 5), "Heartbeat": (12, 3), "LeaveGroup": (13, 1), "SyncGroup": (14, 3), "InitProducerId": (22, 1)}

folder = os.path.join(os.path.dirname(os.path.dirname(confluent_kafka.__file__)), "confluent_kafka.libs")
library = ctypes.CDLL(glob.glob(os.path.join(folder, "librdkafka*.so*"))[0])


def function(name, returns, *takes):
    found = getattr(library, name)
    found.restype, found.argtypes = returns, takes
    return found


pointer, text, integer, short = ctypes.c_void_p, ctypes.c_char_p, ctypes.c_int, ctypes.c_int16
client = function("rd_kafka_new", pointer, integer, pointer, text, ctypes.c_size_t)(
    PRODUCER, function("rd_kafka_conf_new", pointer)(), None, 0
)
cluster = function("rd_kafka_mock_cluster_new", pointer, pointer, integer)(client, 1)
for key, highest in HIGHEST_VERSIONS.values():
    function("rd_kafka_mock_set_apiversion", integer, pointer, short, short, short)(cluster, key, 0, highest)
for topic in sys.argv[1:]:
    function("rd_kafka_mock_topic_create", integer, pointer, text, integer, integer)(cluster, topic.encode(), PARTITIONS, 1)
print(function("rd_kafka_mock_cluster_bootstraps", text, pointer)(cluster).decode(), flush=True)
sys.stdin.read()
