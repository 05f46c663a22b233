#!/usr/bin/env python3
"""Makes the golden vectors with an independent encoder. Run by hand: pip install kafka-python==3.0.12, then
make_vectors.py in this folder. The tests only read the files it leaves behind.

messages.txt: one line for each API, direction and version: name, version, hex of the body. The values follow from one
rule that walks the fields in the order of the protocol's tables (see Filler; its twin is in golden_test.cc).
batches.txt: one line for each record batch: name, hex.
"""

import pathlib
import types
import uuid

import kafka
from kafka.protocol.admin import (CreateTopicsRequest, CreateTopicsResponse, DescribeProducersRequest,
                                  DescribeProducersResponse)
from kafka.protocol.consumer import (FetchRequest, FetchResponse, ListOffsetsRequest,
                                     ListOffsetsResponse)
from kafka.protocol.metadata import (ApiVersionsRequest, ApiVersionsResponse, FindCoordinatorRequest,
                                     FindCoordinatorResponse, MetadataRequest, MetadataResponse)
from kafka.protocol.producer import (InitProducerIdRequest, InitProducerIdResponse, ProduceRequest,
                                     ProduceResponse)
from kafka.protocol.producer import (AddOffsetsToTxnRequest, AddOffsetsToTxnResponse,
                                     AddPartitionsToTxnRequest, AddPartitionsToTxnResponse,
                                     EndTxnRequest, EndTxnResponse, TxnOffsetCommitRequest,
                                     TxnOffsetCommitResponse)
from kafka.protocol.sasl import (SaslAuthenticateRequest, SaslAuthenticateResponse,
                                 SaslHandshakeRequest, SaslHandshakeResponse)
from kafka.record.default_records import DefaultRecordBatchBuilder

HERE = pathlib.Path(__file__).parent

MESSAGES = [  # class, versions we implement
    (ApiVersionsRequest, 0, 4), (ApiVersionsResponse, 0, 4),
    (MetadataRequest, 0, 13), (MetadataResponse, 0, 13),
    (ProduceRequest, 3, 13), (ProduceResponse, 3, 13),
    (InitProducerIdRequest, 0, 5), (InitProducerIdResponse, 0, 5),
    (DescribeProducersRequest, 0, 0), (DescribeProducersResponse, 0, 0),
    (FetchRequest, 4, 16), (FetchResponse, 4, 16),
    (ListOffsetsRequest, 1, 10), (ListOffsetsResponse, 1, 10),
    (FindCoordinatorRequest, 0, 6), (FindCoordinatorResponse, 0, 6),
    (CreateTopicsRequest, 2, 7), (CreateTopicsResponse, 2, 7),
    (AddPartitionsToTxnRequest, 0, 3), (AddPartitionsToTxnResponse, 0, 3),
    (AddOffsetsToTxnRequest, 0, 4), (AddOffsetsToTxnResponse, 0, 4),
    (EndTxnRequest, 0, 5), (EndTxnResponse, 0, 5),
    (TxnOffsetCommitRequest, 0, 5), (TxnOffsetCommitResponse, 0, 5),
    (SaslHandshakeRequest, 0, 1), (SaslHandshakeResponse, 0, 1),
    (SaslAuthenticateRequest, 0, 2), (SaslAuthenticateResponse, 0, 2),
]


def in_versions(text, version):
    """Is `version` in "none", "3", "3+" or "3-5"?"""
    if not text or text == "none":
        return False
    first, _, last = text.replace("+", "-99").partition("-")
    return int(first) <= version <= int(last or first)


def node():
    return types.SimpleNamespace(tags=None, unknown_tags=None)


class Filler:
    """Every field that exists in a version takes the next number n, and its value from n and its type."""

    def __init__(self, version):
        self.version = version
        self.n = 0

    def fill(self, container, fields):
        for field in fields:
            if not in_versions(field._json["versions"], self.version):
                continue
            value = self.value(field)
            if field._tag is not None:
                container.tags = (container.tags or set()) | {field.name}
            setattr(container, field.name, value)
        return container

    def value(self, field):
        self.n += 1
        n = self.n
        if in_versions(field._json.get("nullableVersions"), self.version) and n % 5 == 0:
            return None
        kind = field._json["type"]
        if field.is_struct_array():
            return [self.fill(node(), field.array_of._fields) for _ in range(1 + n % 2)]
        if kind.startswith("[]"):
            return [self.scalar(kind[2:], self.next()) for _ in range(n % 4)]
        if field.is_struct():
            return self.fill(node(), field._fields)
        return self.scalar(kind, n)

    def next(self):
        self.n += 1
        return self.n

    @staticmethod
    def scalar(kind, n):
        sign = -1 if n % 4 == 0 else 1
        if kind == "bool":
            return n % 2 == 1
        if kind == "string":
            return "s" * (n % 7) + str(n)
        if kind == "uuid":
            return uuid.UUID(bytes=bytes([n % 256] * 16))
        if kind in ("bytes", "records"):
            return bytes([n % 256] * n)
        if kind == "bitfield":  # an int32 that kafka-python shows as the set of its bits
            value = Filler.scalar("int32", n)
            return {bit for bit in range(32) if value >> bit & 1}
        return sign * n * {"int8": 1, "int16": 99, "int32": 1234567, "int64": 123456789012}[kind]


def message_lines():
    for cls, first, last in MESSAGES:
        for version in range(first, last + 1):
            message = Filler(version).fill(cls(version=version), cls._struct._fields)
            yield f"{cls.name} {version} {message.encode(version=version).hex()}"


def batch(records, **options):
    builder = DefaultRecordBatchBuilder(**{"magic": 2, "compression_type": 0, "is_transactional": False,
                                           "producer_id": -1, "producer_epoch": -1, "base_sequence": -1,
                                           "batch_size": 1 << 20, **options})
    for offset, (timestamp, key, value, headers) in enumerate(records):
        builder.append(offset, timestamp, key, value, headers)
    return bytes(builder.build()).hex()


def batch_lines():
    now = 1_700_000_000_000
    yield "plain " + batch([(now, None, b"v" * 100, [])])
    yield "nulls " + batch([(now, None, None, []), (now + 1, b"", b"", []), (now - 1, b"k", None, [])])
    yield "headers " + batch([(now, b"key", b"value", [("a", b"1"), ("", b""), ("n", None)])])
    yield "idempotent " + batch([(now + 70 * i, b"k%d" % i, b"x" * (i % 9), []) for i in range(150)],
                                producer_id=4_000_000_123, producer_epoch=7, base_sequence=2**31 - 2)
    yield "long " + batch([(now, b"k" * 64, b"v" * 9000, [("h" * 70, b"w" * 200)])])


def main():
    assert kafka.__version__ == "3.0.12", kafka.__version__
    made = f"# Made by make_vectors.py with kafka-python {kafka.__version__}.\n"
    (HERE / "messages.txt").write_text(made + "\n".join(message_lines()) + "\n")
    (HERE / "batches.txt").write_text(made + "\n".join(batch_lines()) + "\n")


if __name__ == "__main__":
    main()
