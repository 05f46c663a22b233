"""The two Kafka requests that the test cluster needs, over a plain socket: Metadata v4 and CreateTopics v2.

Written apart from the C++ codecs on purpose: a fault in those cannot hide itself here.
"""
import socket
import struct


class Reader:
    def __init__(self, data):
        self.data, self.at = data, 0

    def take(self, form):
        (value,) = struct.unpack_from(">" + form, self.data, self.at)
        self.at += struct.calcsize(">" + form)
        return value

    def string(self):
        size = self.take("h")
        if size < 0:
            return None
        self.at += size
        return self.data[self.at - size:self.at].decode()

    def array(self, element):
        return [element() for _ in range(self.take("i"))]


def string(text):
    return struct.pack(">h", len(text)) + text.encode()


def call(port, api_key, version, body, timeout):
    """Sends one request to 127.0.0.1:port; returns a Reader behind the response header. Raises OSError."""
    request = struct.pack(">hhi", api_key, version, 1) + string("spillway-test") + body
    with socket.create_connection(("127.0.0.1", port), timeout=timeout) as peer:
        peer.sendall(struct.pack(">i", len(request)) + request)
        stream = peer.makefile("rb")
        size = stream.read(4)
        payload = stream.read(struct.unpack(">i", size)[0]) if len(size) == 4 else b""
    if len(payload) < 4:
        raise OSError("the broker closed the connection")
    reader = Reader(payload)
    reader.take("i")  # correlation id
    return reader


def metadata(port, timeout=2):
    """What the node on port knows: ({node id: port}, {(topic, partition): leader id, -1 while there is none})."""
    reader = call(port, 3, 4, struct.pack(">i?", -1, False), timeout)

    def broker():
        node, _, broker_port, _ = reader.take("i"), reader.string(), reader.take("i"), reader.string()
        return node, broker_port

    def partition():
        _, index, leader = reader.take("h"), reader.take("i"), reader.take("i")
        reader.array(lambda: reader.take("i"))  # replicas
        reader.array(lambda: reader.take("i"))  # in sync
        return index, leader

    def topic():
        _, name, _ = reader.take("h"), reader.string(), reader.take("?")
        return name, reader.array(partition)

    reader.take("i")  # throttle
    brokers = dict(reader.array(broker))
    reader.string(), reader.take("i")  # cluster id, controller
    topics = reader.array(topic)
    return brokers, {(name, index): leader for name, rows in topics for index, leader in rows}


def create_topic(port, name, partitions, replication, configs, timeout=20):
    """Creates one topic. Returns None, or Kafka's reason for refusing."""
    body = struct.pack(">i", 1) + string(name) + struct.pack(">ihi", partitions, replication, 0)
    body += struct.pack(">i", len(configs))
    body += b"".join(string(key) + string(value) for key, value in configs)
    body += struct.pack(">i?", timeout * 1000, False)
    reader = call(port, 19, 2, body, timeout)
    reader.take("i"), reader.take("i"), reader.string()  # throttle, one topic, its name
    error, message = reader.take("h"), reader.string()
    return None if error == 0 else f"error {error}: {message}"
