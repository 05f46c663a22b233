"""What an operator does to a cluster, each as one request over a plain socket: quotas, settings, topics, and who is in sync."""
import json
import struct
import sys
import pathlib

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "tools/kafka"))
import kafka_wire  # noqa: E402
from kafka_wire import string  # noqa: E402

METADATA, CREATE_TOPICS, DELETE_TOPICS, INCREMENTAL_ALTER_CONFIGS, ALTER_CLIENT_QUOTAS = 3, 19, 20, 44, 49
BROKER = 4         # a kind of resource; without a name it is all brokers
SET, DELETE = 0, 1
SECONDS = 20


def nullable(text):
    return struct.pack(">h", -1) if text is None else string(text)


def expect(error, message, what):
    assert error == 0, f"{what} was refused: error {error}: {message}"


def produce_quota(port, rate):
    """Bytes a second that each client id may send to each broker; None lifts it."""
    body = struct.pack(">ii", 1, 1) + string("client-id") + nullable(None)
    body += struct.pack(">i", 1) + string("producer_byte_rate") + struct.pack(">d??", rate or 0, rate is None, False)
    reader = kafka_wire.call(port, ALTER_CLIENT_QUOTAS, 0, body, SECONDS)
    reader.take("i"), reader.take("i")  # throttle, one entry
    expect(reader.take("h"), reader.string(), f"a quota of {rate}")


def setting(port, name, value):
    """Sets it on all brokers while they run; None brings its default back."""
    body = struct.pack(">ib", 1, BROKER) + string("")
    body += struct.pack(">i", 1) + string(name) + struct.pack(">b", DELETE if value is None else SET) + nullable(value)
    reader = kafka_wire.call(port, INCREMENTAL_ALTER_CONFIGS, 0, body + struct.pack(">?", False), SECONDS)
    reader.take("i"), reader.take("i")  # throttle, one resource
    expect(reader.take("h"), reader.string(), f"{name}={value}")


def delete_topic(port, name):
    body = struct.pack(">i", 1) + string(name) + struct.pack(">i", SECONDS * 1000)
    reader = kafka_wire.call(port, DELETE_TOPICS, 1, body, SECONDS)
    reader.take("i"), reader.take("i"), reader.string()  # throttle, one topic, its name
    expect(reader.take("h"), None, f"the end of {name}")


def create_placed_topic(port, name, replicas_of, in_sync_min):
    """Partition p lives on the nodes replicas_of[p], the first of them leads it."""
    body = struct.pack(">i", 1) + string(name) + struct.pack(">ih", -1, -1)
    body += struct.pack(">i", len(replicas_of))
    for index, replicas in enumerate(replicas_of):
        body += struct.pack(f">ii{len(replicas)}i", index, len(replicas), *replicas)
    body += struct.pack(">i", 1) + string("min.insync.replicas") + string(str(in_sync_min))
    reader = kafka_wire.call(port, CREATE_TOPICS, 2, body + struct.pack(">i?", SECONDS * 1000, False), SECONDS)
    reader.take("i"), reader.take("i"), reader.string()  # throttle, one topic, its name
    expect(reader.take("h"), reader.string(), f"topic {name}")


def lagging(port, topic):
    """Partitions of the topic with a replica that is not in sync, as the node on port knows it. Raises OSError."""
    reader = kafka_wire.call(port, METADATA, 4, struct.pack(">i", 1) + string(topic) + struct.pack(">?", False), 2)

    def broker():
        reader.take("i"), reader.string(), reader.take("i"), reader.string()

    def partition():
        _, index, _ = reader.take("h"), reader.take("i"), reader.take("i")
        replicas, in_sync = (reader.array(lambda: reader.take("i")) for _ in range(2))
        return index if len(in_sync) < len(replicas) else None

    reader.take("i")  # throttle
    reader.array(broker)
    reader.string(), reader.take("i"), reader.take("i")  # cluster id, controller, one topic
    reader.take("h"), reader.string(), reader.take("?")
    return [index for index in reader.array(partition) if index is not None]


def controller(homes):
    """The node that leads the metadata quorum. Metadata answers name any node, so the nodes' own files are read.

    homes: {number: the node's folder}"""
    states = [json.loads((home / "data/__cluster_metadata-0/quorum-state").read_text()) for home in homes.values()]
    return max(states, key=lambda state: (state["leaderEpoch"], state["leaderId"]))["leaderId"]
