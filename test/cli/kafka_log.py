"""An independent consumer: Fetch v4 and record batches v2, uncompressed, by the protocol's tables."""

import socket
import struct
from collections import namedtuple

Record = namedtuple("Record", "offset key value headers")


class Cursor:
    def __init__(self, data):
        self.data, self.at = data, 0

    def take(self, size):
        piece = self.data[self.at:self.at + size]
        assert len(piece) == size, "the answer ends too early"
        self.at += size
        return piece

    def number(self, form):
        return struct.unpack(">" + form, self.take(struct.calcsize(form)))[0]

    def varint(self):
        value = shift = 0
        while True:
            byte = self.take(1)[0]
            value |= (byte & 0x7F) << shift
            if byte < 0x80:
                return (value >> 1) ^ -(value & 1)
            shift += 7

    def blob(self):
        size = self.varint()
        return None if size < 0 else self.take(size)


def receive(connection, size):
    data = b""
    while len(data) < size:
        piece = connection.recv(size - len(data))
        assert piece, "the broker hung up"
        data += piece
    return data


def fetch(connection, topic, partition, offset):
    name = topic.encode()
    body = struct.pack(">iiiib", -1, 100, 1, 1 << 26, 0)
    body += struct.pack(">ih", 1, len(name)) + name
    body += struct.pack(">iiqi", 1, partition, offset, 1 << 24)
    request = struct.pack(">hhih", 1, 4, 7, 4) + b"test" + body
    connection.sendall(struct.pack(">i", len(request)) + request)
    answer = Cursor(receive(connection, struct.unpack(">i", receive(connection, 4))[0]))
    assert answer.number("i") == 7
    answer.number("i")  # throttle
    assert answer.number("i") == 1
    assert answer.take(answer.number("h")) == name
    assert answer.number("i") == 1
    assert answer.number("i") == partition
    error, high_watermark = answer.number("h"), answer.number("q")
    assert error == 0, f"fetch of {topic}-{partition} answered error {error}"
    answer.number("q")  # last stable offset
    for _ in range(max(0, answer.number("i"))):
        answer.take(16)
    size = answer.number("i")
    return high_watermark, answer.take(max(0, size))


def records_of(data):
    batches = Cursor(data)
    while len(data) - batches.at >= 12:
        base, size = batches.number("q"), batches.number("i")
        if len(data) - batches.at < size:
            return  # a broker may cut the last batch
        batch = Cursor(batches.take(size))
        _, magic, _, attributes = (batch.number(form) for form in "ibIh")
        assert magic == 2 and attributes & 7 == 0
        batch.take(4 + 8 + 8 + 8 + 2 + 4)
        for _ in range(batch.number("i")):
            record = Cursor(batch.take(batch.varint()))
            record.take(1)
            record.varint()
            offset = base + record.varint()
            key, value = record.blob(), record.blob()
            headers = [(record.blob(), record.blob()) for _ in range(record.varint())]
            yield Record(offset, key, value, headers)


def read_partition(address, topic, partition=0, offset=0):
    """Every record from `offset` to the end of the log as it is now."""
    records = []
    host, port = address.split(",")[0].rsplit(":", 1)
    with socket.create_connection((host, int(port)), timeout=20) as connection:
        while True:
            end, data = fetch(connection, topic, partition, offset)
            if offset >= end:
                return records
            found = [record for record in records_of(data) if record.offset >= offset]
            assert found, "the log has a hole"
            records += found
            offset = found[-1].offset + 1
