#!/usr/bin/env python3
"""`spillway verifiable-producer` beside Kafka's own VerifiableProducer: same node, same arguments, same lines."""

import collections
import json
import os
import pathlib
import signal
import subprocess
import sys
import tempfile
import threading
import time
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "scenario"))
from nodes import Nodes, require_tools  # noqa: E402

PROGRAM = os.environ.get("SPILLWAY_PROGRAM", "build/spillway")
JAVA_TOOL = "org.apache.kafka.tools.VerifiableProducer"
SECONDS = 60
PARTITIONS = 3


class Tool:
    """One of the two programs. SIGINT is given back to it: a shell may have had it ignored."""

    def __init__(self, name, command):
        self.name, self.command = name, command

    def start(self, *arguments):
        return subprocess.Popen([*self.command, *map(str, arguments)], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                stdin=subprocess.DEVNULL, text=True,
                                preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL))

    def run(self, *arguments):
        return Told(self.name, self.start(*arguments))

    def run_until(self, sign, *arguments):
        """Sends the signal after 50 lines."""
        process = self.start(*arguments)
        lines = [process.stdout.readline() for _ in range(50)]
        process.send_signal(sign)
        return Told(self.name, process, lines)


class Told:
    """What came out: the exit code, the JSON lines as lists of pairs, standard error."""

    def __init__(self, name, process, first=()):
        # Not communicate: it would lose what a readline before it has read ahead.
        watchdog = threading.Timer(SECONDS, process.kill)
        watchdog.start()
        with process:
            self.text = "".join(first) + process.stdout.read()
            self.err = process.stderr.read()
        watchdog.cancel()
        self.name, self.code = name, process.returncode
        self.pairs, self.rows = [], []
        for line in self.text.splitlines():
            if line.startswith("{"):
                self.pairs.append([key for key, _ in json.loads(line, object_pairs_hook=list)])
                self.rows.append(json.loads(line))

    def of(self, name):
        return [row for row in self.rows if row["name"] == name]

    def shapes(self):
        """name → the keys of such a line, in their order; all lines of a name are alike."""
        shapes = {}
        for row, keys in zip(self.rows, self.pairs):
            assert shapes.setdefault(row["name"], keys) == keys, (self.name, row)
        return shapes

    def order(self):
        """Names in the order of their lines, repetitions left out."""
        names = [row["name"] for row in self.rows]
        return [name for at, name in enumerate(names) if at == 0 or names[at - 1] != name]


class VerifiableProducer(unittest.TestCase):
    maxDiff = 2000

    @classmethod
    def setUpClass(cls):
        require_tools()
        cls.nodes = Nodes()
        cls.nodes.topic("v", PARTITIONS)
        java = ["java", "-XX:TieredStopAtLevel=1", "-Xmx128m", "-cp", cls.nodes.cluster.state["lib"] + "/*", JAVA_TOOL]
        cls.tools = [Tool("Java", java), Tool("Spillway", [PROGRAM, "verifiable-producer"])]
        # The first producer ids of a new cluster take a moment, which would count as throughput.
        cls.tools[1].run("--topic", "v", "--bootstrap-server", cls.nodes.bootstrap, "--max-messages", 1)

    def both(self, *arguments, topic="v"):
        target = ("--topic", topic, "--bootstrap-server", self.nodes.bootstrap)
        theirs, ours = (tool.run(*target, *arguments) for tool in self.tools)
        self.compare(theirs, ours)
        return theirs, ours

    def compare(self, theirs, ours):
        self.assertEqual(ours.code, theirs.code, ours.err)
        self.assertEqual(ours.shapes(), theirs.shapes())
        self.assertEqual(ours.order(), theirs.order())
        self.assertEqual(len(ours.rows), len(ours.text.splitlines()), "nothing but JSON lines")
        for told in (theirs, ours):
            self.assertEqual([row["name"] for row in told.rows[-2:]], ["shutdown_complete", "tool_data"])
            times = [row["timestamp"] for row in told.rows]
            self.assertLess(abs(times[0] / 1000 - time.time()), 120)

    def compare_sums(self, theirs, ours):
        picked = [[{key: row[key] for key in ("sent", "acked", "target_throughput")} for row in told.of("tool_data")]
                  for told in (theirs, ours)]
        self.assertEqual(*picked)
        self.assertEqual(type(ours.of("tool_data")[0]["avg_throughput"]), float)

    def file(self, text):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        path = pathlib.Path(folder.name) / "producer.properties"
        path.write_text(text)
        return path

    def test_keys_and_values_and_the_partitions_of_keys(self):
        theirs, ours = self.both("--max-messages", 20, "--repeating-keys", 7, "--value-prefix", 4)
        told = [collections.Counter((row["key"], row["value"], row["partition"], row["topic"])
                                    for row in each.of("producer_send_success")) for each in (theirs, ours)]
        self.assertEqual(*told)
        self.assertIn("4.19", {row["value"] for row in ours.rows if "value" in row})
        self.compare_sums(theirs, ours)

    def test_no_keys_and_offsets_that_ascend(self):
        theirs, ours = self.both("--max-messages", 10)
        for told in (theirs, ours):
            rows = told.of("producer_send_success")
            self.assertEqual(sorted(int(row["value"]) for row in rows), list(range(10)))
            self.assertEqual({row["key"] for row in rows}, {None})
            offsets = {}
            for row in rows:
                self.assertGreater(row["offset"], offsets.get(row["partition"], -1))
                offsets[row["partition"]] = row["offset"]
        self.compare_sums(theirs, ours)

    def test_without_acks_there_is_no_offset_and_the_file_wins_over_the_argument(self):
        for arguments in (("--acks", 0), ("--acks", -1, "--producer.config", self.file("acks=0\n"))):
            for told in self.both("--max-messages", 3, *arguments):
                self.assertEqual([row["offset"] for row in told.of("producer_send_success")], [-1] * 3)

    def test_nothing_to_send_is_two_events_and_a_sum(self):
        self.compare_sums(*self.both("--max-messages", 0))

    def test_keys_that_never_repeat(self):
        for told in self.both("--max-messages", 5, "--repeating-keys", 0):
            self.assertEqual(sorted(row["key"] for row in told.of("producer_send_success")), list("01234"))

    def test_the_create_time_is_that_of_the_first_record(self):
        for tool in self.tools:
            topic = "times-" + tool.name
            self.nodes.topic(topic, 1)
            told = tool.run("--topic", topic, "--bootstrap-server", self.nodes.bootstrap, "--max-messages", 3,
                            "--message-create-time", 1_000_000)
            self.assertEqual(told.code, 0, told.err)
            read = subprocess.run(["kcat", "-C", "-q", "-e", "-b", self.nodes.bootstrap, "-t", topic, "-f", "%T\n"],
                                  stdout=subprocess.PIPE, text=True, check=True, timeout=SECONDS).stdout
            times = [int(line) for line in read.split()]
            self.assertEqual((len(times), times[0]), (3, 1_000_000), tool.name)
            self.assertEqual(times, sorted(times))

    def test_a_topic_that_does_not_exist_is_an_error_for_each_record_and_exit_0(self):
        theirs, ours = self.both("--max-messages", 2, "--producer.config", self.file("max.block.ms=1500\n"), topic="no")
        told = [[{key: value for key, value in row.items() if key != "timestamp"} for row in each.rows
                 if row["name"] == "producer_send_error"] for each in (theirs, ours)]
        self.assertEqual(*told)
        self.compare_sums(theirs, ours)

    def test_signals_end_it_with_everything_told(self):
        for sign in (signal.SIGTERM, signal.SIGINT):
            theirs, ours = (tool.run_until(sign, "--topic", "v", "--bootstrap-server", self.nodes.bootstrap,
                                           "--throughput", 200) for tool in self.tools)
            self.compare(theirs, ours)
            self.assertEqual(ours.code, 128 + sign)
            total = ours.of("tool_data")[0]
            self.assertEqual(total["sent"], total["acked"])
            values = sorted(int(row["value"]) for row in ours.of("producer_send_success"))
            self.assertEqual(values, list(range(total["sent"])))

    def test_the_throughput_is_kept(self):
        for told in self.both("--max-messages", 300, "--throughput", 150):
            times = [row["timestamp"] for row in told.of("producer_send_success")]
            # 2 s, less what was caught up after a slow start; without pacing it is a tenth of a second.
            self.assertGreater(times[-1] - times[0], 1000, told.name)
            total = told.of("tool_data")[0]
            self.assertEqual(total["target_throughput"], 150)
            self.assertLess(total["avg_throughput"], 165)

    def test_wrong_arguments_are_exit_1_and_nothing_on_standard_output(self):
        target = ("--topic", "v", "--bootstrap-server", self.nodes.bootstrap)
        for arguments, word in (((*target, "--frobnicate", "1"), "--frobnicate"), (target[:2], "--bootstrap-server"),
                                (target[2:], "--topic"), ((*target, "--max-messages", "few"), "--max-messages"),
                                ((*target, "--acks", "7"), "--acks"), ((*target, "--repeating-keys", "x"), "--repeating"),
                                ((*target, "--broker-list", "h:1"), "--broker-list"),
                                ((*target, "--producer.config", "/no/such/file"), "/no/such/file")):
            for tool in self.tools:
                told = tool.run(*arguments)
                self.assertEqual((told.code, told.text), (1, ""), (tool.name, arguments, told.err))
                self.assertIn(word, told.err)

    def test_no_arguments_print_help(self):
        for tool in self.tools:
            told = tool.run()
            self.assertEqual(told.code, 0, tool.name)
            for word in ("--topic", "--bootstrap-server", "--max-messages", "--throughput", "--acks", "--producer.config",
                         "--message-create-time", "--value-prefix", "--repeating-keys"):
                self.assertIn(word, told.text, tool.name)

    def test_the_files_of_kafkas_system_tests_are_taken(self):
        for text in ("\nrequest.timeout.ms=30000\n\nmax.in.flight.requests.per.connection=5\n\nretries=1000000\n\n"
                     "enable.idempotence=true\n\ncompression.type=gzip\n\nacks=-1\n",
                     "request.timeout.ms=30000\nretries=5\ndelivery.timeout.ms=150000\n"):
            self.both("--max-messages", 3, "--producer.config", self.file(text))

    def test_a_slow_reader_holds_it_up_and_a_second_signal_ends_it(self):
        process = self.tools[1].start("--topic", "v", "--bootstrap-server", self.nodes.bootstrap)
        self.addCleanup(process.stdout.close)
        self.addCleanup(process.stderr.close)
        time.sleep(2)
        status = pathlib.Path(f"/proc/{process.pid}/status").read_text()
        peak = int(status.split("VmHWM:")[1].split()[0]) >> 10
        self.assertLess(peak, 64 + 16, "MiB: the budget and the program")
        process.send_signal(signal.SIGTERM)
        time.sleep(0.3)
        process.send_signal(signal.SIGTERM)
        self.assertEqual(process.wait(SECONDS), 128 + signal.SIGTERM)


if __name__ == "__main__":
    unittest.main(verbosity=2)
