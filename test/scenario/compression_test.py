#!/usr/bin/env python3
"""One real node: what we pack with each codec, three consumers that share no code read back, byte for byte."""
import os
import random
import subprocess
import unittest

import readers
from nodes import ScenarioTest, say

LINES = 6_000
CODECS = ["gzip", "snappy", "lz4", "lz4:9", "zstd", "zstd:19"]


def lines_of(seed):
    source = random.Random(seed)
    words = [source.randbytes(source.randrange(1, 9)).hex() for _ in range(300)]
    return [f"{number} {' '.join(source.choices(words, k=source.randrange(1, 40)))}".encode() for number in range(LINES)]


class Compression(ScenarioTest):
    def produce(self, topic, codec, lines):
        command = [os.environ["SPILLWAY_PROGRAM"], "produce", "--bootstrap", self.nodes.bootstrap, "--topic", topic,
                   "--progress", "off", "--compression", codec]
        done = subprocess.run(command, input=b"\n".join(lines) + b"\n", stderr=subprocess.PIPE, timeout=60)
        self.assertEqual((done.returncode, done.stderr), (0, b""))

    def test_each_codec_reads_back(self):
        seed = random.randrange(1 << 32)
        say(f"seed {seed}")
        lines = lines_of(seed)
        for codec in CODECS:
            topic = "packed-" + codec.replace(":", "-")
            self.nodes.topic(topic, 1)
            self.produce(topic, codec, lines)
            found = readers.codecs_in_log(self.nodes, topic)
            self.assertEqual(set(found), {codec.split(":")[0]}, "the log holds packed batches")
            for name, read in readers.ALL.items():
                with self.subTest(codec=codec, reader=name):
                    self.assertEqual(read(self.nodes, topic, LINES), lines)
            say(f"{codec}: {len(found)} batches, read by {', '.join(readers.ALL)}")


if __name__ == "__main__":
    unittest.main(verbosity=2)
