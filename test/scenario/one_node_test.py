#!/usr/bin/env python3
"""One real node: what `spillway produce` sends is what others read, and what goes wrong is said in one sentence."""
import collections
import json
import os
import random
import signal
import subprocess
import threading
import unittest

from nodes import ScenarioTest, read_at_least, say, wait_until_readable

PARTITIONS = 5
LINES = 20_000
RUN_SECONDS = 60


class OneNode(ScenarioTest):
    def produce(self, topic, *words, **options):
        self.ledger_path = self.evidence / self.name / "ledger.json"
        self.ledger_path.parent.mkdir(parents=True, exist_ok=True)
        self.ledger_path.unlink(missing_ok=True)
        command = [os.environ["SPILLWAY_PROGRAM"], "produce", "--bootstrap", self.nodes.bootstrap, "--topic", topic,
                   "--progress", "off", "--ledger", str(self.ledger_path), *words]
        return subprocess.Popen(command, stderr=subprocess.PIPE, **options)

    def ledger(self):
        return json.loads(self.ledger_path.read_text())

    def input_file(self):
        seed = random.randrange(1 << 32)
        say(f"seed {seed}")
        source = random.Random(seed)
        lines = [b"%s:%d %s" % (source.randbytes(source.randrange(1, 12)).hex().encode(), number,
                                b"x" * source.randrange(200)) for number in range(LINES)]
        path = self.evidence / self.name / "input"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"\n".join(lines) + b"\n")
        return path, lines

    def test_a_file_arrives_whole_and_where_java_puts_it(self):
        self.nodes.topic("ours", PARTITIONS)
        self.nodes.topic("java", PARTITIONS)
        path, lines = self.input_file()
        process = self.produce("ours", "--key-separator", ":", "--input", str(path))
        _, err = process.communicate(timeout=RUN_SECONDS)
        self.assertEqual((process.returncode, err), (0, b""))
        self.assertEqual(self.ledger()["delivered"], len(lines))
        rows = read_at_least(self.nodes.bootstrap, "ours", len(lines))
        sent = [tuple(line.split(b":", 1)) for line in lines]
        self.assertEqual(collections.Counter(row[2:] for row in rows), collections.Counter(sent))
        self.assert_order(rows)
        with path.open("rb") as file:
            java = self.nodes.java("org.apache.kafka.tools.ConsoleProducer", "--bootstrap-server", self.nodes.bootstrap,
                                   "--topic", "java", "--property", "parse.key=true", "--property", "key.separator=:",
                                   stdin=file, stdout=subprocess.DEVNULL)
        self.assertEqual(java.returncode, 0, java.stderr)
        theirs = read_at_least(self.nodes.bootstrap, "java", len(lines))
        self.assertEqual(len(theirs), len(lines))
        self.assertEqual({row[2]: row[0] for row in rows}, {row[2]: row[0] for row in theirs})
        self.assertEqual({row[0] for row in rows}, set(range(PARTITIONS)), "every partition was used")

    def assert_order(self, rows):
        last = {}
        for partition, _, _, value in rows:
            number = int(value.split()[0])
            self.assertGreater(number, last.get(partition, -1), f"partition {partition} is out of order")
            last[partition] = number

    def test_an_unknown_topic_is_one_sentence_and_exit_1(self):
        process = self.produce("nowhere", stdin=subprocess.PIPE)
        _, err = process.communicate(b"line\n", timeout=RUN_SECONDS)
        sentences = err.decode().splitlines()
        self.assertEqual((process.returncode, len(sentences)), (1, 1), sentences)
        self.assertIn("nowhere", sentences[0])
        say(sentences[0])

    def test_sigterm_delivers_what_was_accepted(self):
        self.nodes.topic("stopped", 1)
        process = self.produce("stopped", "--rate", "20000", stdin=subprocess.PIPE)

        def feed():
            try:
                for number in range(1 << 40):
                    process.stdin.write(b"%d\n" % number)
            except BrokenPipeError:
                pass

        self.addCleanup(process.kill)
        feeder = threading.Thread(target=feed, daemon=True)
        feeder.start()
        wait_until_readable(self.nodes.bootstrap, "stopped", 5000)
        process.send_signal(signal.SIGTERM)
        code = process.wait(RUN_SECONDS)
        feeder.join()
        process.stdin = None
        _, err = process.communicate()
        ledger = self.ledger()
        say(f"exit {code}: {err.decode().strip()}")
        self.assertEqual(code, 0, "everything that was accepted was delivered")
        accepted = ledger["accepted"]
        self.assertEqual((ledger["delivered"], ledger["held"]), (accepted, 0), ledger)
        self.assertIn(f"after line {accepted:,} ", err.decode())
        rows = read_at_least(self.nodes.bootstrap, "stopped", accepted)
        self.assertEqual([row[3] for row in rows], [b"%d" % number for number in range(accepted)])

    def test_partitions_added_under_load(self):
        self.nodes.topic("growing", 2)
        load = self.load("growing", partitions=2)
        load.wait_for_more()
        self.nodes.add_partitions("growing", PARTITIONS)
        say(f"growing has {PARTITIONS} partitions")
        load.run_for(6)  # the load asks for metadata every 2 s
        load.wait_for_more()
        rows = self.prove(load)
        keyed = collections.Counter(row[0] for row in rows if row[2] is not None)
        keyless = collections.Counter(row[0] for row in rows if row[2] is None)
        self.assertEqual(set(keyed), set(range(PARTITIONS)), "keys find the new partitions")
        self.assertEqual(set(keyless), set(range(PARTITIONS)), "records without a key find them too")


if __name__ == "__main__":
    unittest.main(verbosity=2)
