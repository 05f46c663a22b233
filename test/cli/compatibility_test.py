#!/usr/bin/env python3
"""docs/compatibility.md: what was tried against which broker. Each row is tried anew and compared with the page.

  compatibility_test.py                 the rows of the dev broker
  cluster.py run [--version V] -- compatibility_test.py --kafka V     the row of a real node
  … --write                             puts what came out into the page
"""

import argparse
import collections
import concurrent.futures
import os
import pathlib
import socket
import struct
import subprocess
import sys
import threading

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "test/scenario"))
from nodes import read_back  # noqa: E402

PROGRAM = os.environ.get("SPILLWAY_PROGRAM", str(ROOT / "build/spillway"))
PAGE = ROOT / "docs/compatibility.md"
SECONDS = 60
RECORDS = 200
APIS = {18: "ApiVersions", 3: "Metadata", 22: "InitProducerId", 0: "Produce"}

# Name of the row → caps of the dev broker.
DEV_BROKERS = {
    "dev broker, all it knows": (),
    "dev broker, Produce ≤ 12": ("Produce=12",),
    "dev broker, Produce ≤ 9": ("Produce=9",),
    "dev broker, Produce ≤ 8": ("Produce=8",),
    "dev broker, Produce ≤ 7, Metadata ≤ 8, InitProducerId ≤ 1: no flexible versions, as Redpanda":
        ("Produce=7", "Metadata=8", "InitProducerId=1"),
    "dev broker, Produce ≤ 3, Metadata ≤ 4, InitProducerId 0: as Kafka 0.11":
        ("Produce=3", "Metadata=4", "InitProducerId=0", "ApiVersions=1"),
    "dev broker, ApiVersions 0": ("ApiVersions=0",),
    "dev broker, Metadata 0, Produce ≤ 12: no topic ids": ("Metadata=0", "Produce=12"),
    "dev broker, Metadata 9 with Produce 13, which wants topic ids": ("Metadata=9",),
    "dev broker, no InitProducerId": ("InitProducerId=-1",),
    "dev broker, Produce ≤ 2": ("Produce=2",),
}
# Column → settings of the producer.
TRIES = {
    "acks=all, idempotent": (),
    "acks=1": ("-X", "acks=1"),
    "gzip": ("-X", "compression.type=gzip"),
    "zstd": ("-X", "compression.type=zstd"),
}
INTRODUCTION = """# Which brokers were tried

<!-- Written by test/cli/compatibility_test.py --write, which tries all of it; tests compare. -->

Each cell is a run of `spillway produce`: {records} records with keys into 3 partitions, read back with kcat: every record once, each key
in one partition and in order. *yes* is that. The versions are those that Spillway sent for the first of these columns, seen on the wire.
The dev broker (`spillway dev-broker --version-cap API=VERSION`) takes zstd in every version; Kafka refuses it below Produce 7.

| broker | ApiVersions | Metadata | InitProducerId | Produce | {columns} |
|---|---|---|---|---|{rule}|
"""


class Wire:
    """Stands between producer and broker, notes the version of each request, and lets Metadata name itself as the broker."""

    def __init__(self, address):
        host, port = address.split(",")[0].rsplit(":", 1)
        self.broker = (host, int(port))
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=16)
        self.port = self.listener.getsockname()[1]
        self.bootstrap = f"127.0.0.1:{self.port}"
        self.versions = collections.defaultdict(set)
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            broker = socket.create_connection(self.broker)
            for pair in ((client, broker, self.note), (broker, client, self.rename)):
                threading.Thread(target=self.pump, args=pair, daemon=True).start()

    def pump(self, source, sink, look):
        try:
            while True:
                size = self.take(source, 4)
                sink.sendall(size + look(self.take(source, struct.unpack(">i", size)[0])))
        except OSError:
            for end in (source, sink):
                end.close()

    @staticmethod
    def take(source, size):
        data = b""
        while len(data) < size:
            piece = source.recv(size - len(data))
            if not piece:
                raise OSError("closed")
            data += piece
        return data

    def note(self, request):
        api, version = struct.unpack(">hh", request[:4])
        self.versions[api].add(version)
        return request

    def rename(self, answer):
        """The port follows the host in every version of Metadata."""
        host, port = self.broker
        return answer.replace(host.encode() + struct.pack(">i", port), host.encode() + struct.pack(">i", self.port))

    def spoken(self, api):
        return ", ".join(map(str, sorted(self.versions[api], reverse=True))) or "–"

    def close(self):
        self.listener.close()


class DevBroker:
    def __init__(self, caps):
        words = [PROGRAM, "dev-broker", "--listen", "127.0.0.1:0"]
        for number in range(len(TRIES)):
            words += ["--topic", f"t{number}:3"]
        for cap in caps:
            words += ["--version-cap", cap]
        self.process = subprocess.Popen(words, stdout=subprocess.PIPE, text=True)
        self.bootstrap = self.process.stdout.readline().split("bootstrap=")[1].split()[0]

    def stop(self):
        self.process.terminate()
        self.process.wait(SECONDS)
        self.process.stdout.close()


def produce(bootstrap, topic, settings):
    """Exit code and the sentence that explains it."""
    lines = b"".join(b"%d:%d\n" % (number % 20, number) for number in range(RECORDS))
    done = subprocess.run([PROGRAM, "produce", "--bootstrap", bootstrap, "--topic", topic, "--key-separator", ":", "--progress",
                           "off", "--delivery-timeout", "15s", *settings], input=lines, stderr=subprocess.PIPE, timeout=SECONDS)
    sentences = done.stderr.decode().splitlines()
    return done.returncode, sentences[-1] if sentences else ""


def verdict(bootstrap, broker, topic, settings):
    code, sentence = produce(bootstrap, topic, settings)
    if code:
        sentence = sentence.removeprefix("spillway produce: ").replace(bootstrap, "BROKER")
        return "no: " + sentence.replace("|", "/")
    rows = read_back(broker, topic)
    wanted = {(b"%d" % (number % 20), b"%d" % number) for number in range(RECORDS)}
    if len(rows) != RECORDS or {row[2:] for row in rows} != wanted:
        return f"WRONG: {len(rows)} records read back"
    homes, last = {}, {}
    for partition, _, key, value in rows:
        if homes.setdefault(key, partition) != partition or int(value) <= last.get(key, -1):
            return "WRONG: order or partition of a key"
        last[key] = int(value)
    return "yes"


def row_of(name, broker):
    """`broker`: address. Topics t0, t1, … are there. What ends with a timeout takes its time, so all cells run at once."""
    wires = [Wire(broker) for _ in TRIES]
    with concurrent.futures.ThreadPoolExecutor(len(TRIES)) as pool:
        cells = list(pool.map(lambda number: verdict(wires[number].bootstrap, broker, f"t{number}", list(TRIES.values())[number]),
                              range(len(TRIES))))
    spoken = [wires[0].spoken(api) for api in APIS]
    for wire in wires:
        wire.close()
    return "| " + " | ".join([name, *spoken, *cells]) + " |"


def dev_row(name):
    broker = DevBroker(DEV_BROKERS[name])
    try:
        return name, row_of(name, broker.bootstrap)
    finally:
        broker.stop()


def dev_rows():
    with concurrent.futures.ThreadPoolExecutor(len(DEV_BROKERS)) as pool:
        return list(pool.map(dev_row, DEV_BROKERS))


def kafka_rows(version):
    import cluster
    nodes = cluster.Cluster(os.environ["KAFKA_DIR"])
    assert f"kafka-{version}/" in nodes.state["lib"] + "/", nodes.state["lib"]
    for number in range(len(TRIES)):
        nodes.topic(f"t{number}", 3, 1, [])
    name = f"Apache Kafka {version}"
    yield name, row_of(name, nodes.bootstrap())


def page_rows():
    text = PAGE.read_text(encoding="utf8") if PAGE.exists() else ""
    rows = [line for line in text.splitlines() if line.startswith("| ") and not line.startswith("| broker")]
    return {row.split(" | ")[0].removeprefix("| "): row for row in rows}


def write(rows):
    kept = {**page_rows(), **rows}
    order = sorted(kept, key=lambda name: (list(DEV_BROKERS).index(name) + 1 if name in DEV_BROKERS else 0, name))
    head = INTRODUCTION.format(records=RECORDS, columns=" | ".join(TRIES), rule="|".join(["---"] * len(TRIES)))
    PAGE.write_text(head + "\n".join(kept[name] for name in order) + "\n", encoding="utf8")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kafka", metavar="VERSION")
    parser.add_argument("--write", action="store_true")
    arguments = parser.parse_args()
    tried = dict(kafka_rows(arguments.kafka) if arguments.kafka else dev_rows())
    for row in tried.values():
        print(row, flush=True)
    if arguments.write:
        write(tried)
    stated = page_rows()
    stale = [name for name, row in tried.items() if stated.get(name) != row]
    if not arguments.kafka:
        gone = [name for name in stated if name.startswith("dev broker") and name not in tried]
        stale += gone
    if stale:
        sys.exit(f"{PAGE.name} says otherwise about: {'; '.join(stale)}; look why, then run this with --write")


if __name__ == "__main__":
    main()
