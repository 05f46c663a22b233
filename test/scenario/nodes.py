"""What the scenarios share: the nodes, a load that runs beside them, and readers that are not ours (kcat, Java)."""
import contextlib
import json
import os
import pathlib
import re
import shutil
import struct
import subprocess
import sys
import threading
import time
import unittest

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent.parent / "tools/kafka"))
import cluster  # noqa: E402
import kafka_wire  # noqa: E402

import log_checker  # noqa: E402

RSS_BESIDE_BUDGET = 8 << 20
READ_PATIENCE = 60     # seconds until the last record must be readable: a new leader may lag for a moment
DELIVERY_PATIENCE = 90
CREATE_PARTITIONS = 37
PROGRESS = re.compile(r"progress accepted (\d+) delivered (\d+) held (\d+) used (\d+) rss (\d+) level (\d)")


def say(sentence):
    print(f"[{time.strftime('%H:%M:%S')}] {sentence}", flush=True)


def require_tools():
    missing = [name for name in ("java", "kcat") if shutil.which(name) is None]
    assert not missing, f"{' and '.join(missing)} missing, so nothing can be proven: ./run test installs what is needed"
    assert "KAFKA_DIR" in os.environ, "no nodes: run this with tools/kafka/cluster.py run --nodes N -- ..."


def wait_for(condition, seconds, complaint):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, complaint() if callable(complaint) else complaint
        time.sleep(0.1)


class Nodes:
    """The nodes that `cluster.py run` has started for this test."""

    def __init__(self):
        self.cluster = cluster.Cluster(os.environ["KAFKA_DIR"])
        self.bootstrap = self.cluster.bootstrap()
        self.numbers = list(self.cluster.numbers())

    def topic(self, name, partitions):
        self.cluster.topic(name, partitions, min(3, len(self.numbers)), [])

    def leader(self, topic, partition=0):
        return self.cluster.metadata()[1].get((topic, partition), -1)

    def kill(self, *numbers):
        for number in numbers:
            say(f"SIGKILL node {number}")
            self.cluster.kill(number)

    def restart(self, *numbers):
        for number in numbers:
            say(f"restart node {number}")
            self.cluster.launch(number)
        self.cluster.wait_ready(numbers, len(self.numbers))

    def heal(self):
        """Every node runs and knows all others, whatever a failed test has left."""
        for number in self.numbers:
            self.cluster.send(number, cluster.signal.SIGCONT)
        dead = [number for number in self.numbers if not self.cluster.alive(number)]
        for number in dead:
            self.cluster.launch(number)
        self.cluster.wait_ready(self.numbers, len(self.numbers))

    def wait_for_leader_other_than(self, dead, topic):
        wait_for(lambda: self.leader(topic) not in (dead, -1), 60, f"nobody takes {topic}/0 over from node {dead}")
        return self.leader(topic)

    def add_partitions(self, topic, count):
        body = struct.pack(">i", 1) + kafka_wire.string(topic) + struct.pack(">ii", count, -1)
        body += struct.pack(">i?", 20_000, False)
        reader = kafka_wire.call(self.cluster.node(1)["port"], CREATE_PARTITIONS, 1, body, 20)
        reader.take("i"), reader.take("i"), reader.string()  # throttle, one topic, its name
        error, message = reader.take("h"), reader.string()
        assert error == 0, f"partitions refused: error {error}: {message}"

    def java(self, main, *arguments, **options):
        command = ["java", *self.cluster.state["jvm"], "-cp", self.cluster.state["lib"] + "/*", main, *arguments]
        return subprocess.run(command, stderr=subprocess.PIPE, timeout=120, **options)


def read_back(bootstrap, topic):
    """[(partition, offset, key or None, value)] as kcat, a consumer on librdkafka, sees the whole topic."""
    # %S is -1 for null; lengths, not separators, say where a value ends.
    command = ["kcat", "-C", "-q", "-e", "-b", bootstrap, "-t", topic, "-o", "beginning", "-X", "check.crcs=true",
               "-f", "%p %o %K %S\n%k%s\n"]
    data = subprocess.run(command, stdout=subprocess.PIPE, check=True, timeout=120).stdout
    rows, at = [], 0
    while at < len(data):
        end = data.index(b"\n", at)
        partition, offset, key_size, value_size = map(int, data[at:end].split())
        middle = end + 1 + max(key_size, 0)
        at = middle + max(value_size, 0)
        rows.append((partition, offset, data[end + 1:middle] if key_size >= 0 else None, data[middle:at]))
        assert data[at:at + 1] == b"\n", "kcat's lengths do not add up"
        at += 1
    return rows


def read_at_least(bootstrap, topic, count, patience=READ_PATIENCE):
    """Again until so many are visible: right after a leader change the high watermark may be behind for a moment."""
    deadline = time.monotonic() + patience
    while True:
        rows = read_back(bootstrap, topic)
        if len(rows) >= count or time.monotonic() > deadline:
            return rows
        time.sleep(1)


def wait_until_readable(bootstrap, topic, count):
    """For a topic that still grows: kcat -e would chase its end for ever."""
    command = ["kcat", "-C", "-q", "-b", bootstrap, "-t", topic, "-o", "beginning", "-c", str(count)]
    subprocess.run(command, stdout=subprocess.DEVNULL, check=True, timeout=READ_PATIENCE)


class Load:
    """A load (load.h) beside the test. Its standard output is read by a thread, its files lie in `folder`."""

    def __init__(self, nodes, topic, folder, threads=4, partitions=6, rate=8000, value_size=400, memory_mib=24,
                 batch_bytes=1_000_000, program="SCENARIO_LOAD", nice=0):
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        self.folder, self.topic, self.nodes = folder, topic, nodes
        self.progress, self.held_peak = None, 0
        words = (nodes.bootstrap, topic, folder, threads, partitions, rate, value_size, memory_mib, batch_bytes)
        command = ["nice", "-n", str(nice), os.environ[program], *map(str, words)]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        self.reader = threading.Thread(target=self.read, daemon=True)
        self.reader.start()

    def read(self):
        with open(self.folder / "load.log", "w") as log:
            for number, line in enumerate(self.process.stdout):
                log.write(f"{time.strftime('%H:%M:%S')} {line}")
                log.flush()
                found = PROGRESS.match(line)
                if found:
                    self.progress = dict(zip(("accepted", "delivered", "held", "used", "rss", "level"),
                                             map(int, found.groups())))
                    self.held_peak = max(self.held_peak, self.progress["held"])
                if found and number % 10 == 0:
                    say(line.strip())

    def delivered(self):
        return self.progress["delivered"] if self.progress else 0

    def wait_for_more(self, count=2000):
        """Until so many more are delivered: the load flows."""
        goal = self.delivered() + count

        def flows():
            assert self.process.poll() is None, f"the load ended by itself with {self.process.returncode}"
            return self.delivered() >= goal
        wait_for(flows, DELIVERY_PATIENCE, lambda: f"the load is stuck: {self.progress}, see {self.folder}/load.log")

    def idle(self, idle):
        self.process.send_signal(cluster.signal.SIGUSR1 if idle else cluster.signal.SIGUSR2)

    def run_for(self, seconds):
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            assert self.process.poll() is None, f"the load ended by itself with {self.process.returncode}"
            time.sleep(0.1)

    def stop(self):
        """SIGTERM, then the report. Everything that was accepted gets the time it needs."""
        self.process.terminate()
        code = self.process.wait(DELIVERY_PATIENCE)
        self.reader.join()
        assert code == 0, f"the load ended with {code}"
        return json.loads((self.folder / "report.json").read_text())

    def kill(self):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        self.reader.join()
        self.process.stdout.close()


class ScenarioTest(unittest.TestCase):
    maxDiff = 2000

    @classmethod
    def setUpClass(cls):
        require_tools()
        cls.nodes = Nodes()
        cls.evidence = pathlib.Path(os.environ.get("SCENARIO_EVIDENCE", "evidence")).resolve()

    def setUp(self):
        self.name = self.id().rsplit(".", 1)[1].removeprefix("test_")
        say(f"---- {self.name}")
        self.addCleanup(self.keep_node_logs)

    def keep_node_logs(self):
        """The nodes' folder goes when the test ends; what they said stays."""
        folder = self.evidence / self.name
        folder.mkdir(parents=True, exist_ok=True)
        for number in self.nodes.numbers:
            with contextlib.suppress(OSError):
                shutil.copy(self.nodes.cluster.home(number) / "server.log", folder / f"node{number}.log")

    def load(self, topic, folder="", **options):
        load = Load(self.nodes, topic, self.evidence / self.name / folder, **options)
        self.addCleanup(load.kill)
        return load

    def prove(self, load):
        """Stops the load and compares: accepted, told and in the log. Returns the rows (partition, offset, key, value)."""
        self.report = report = load.stop()
        say(f"report {report}")
        checked = log_checker.Check(report["callers"])
        checked.take_fates(log_checker.read_fates(load.folder / "fates.bin"))
        rows = read_at_least(self.nodes.bootstrap, load.topic, report["delivered"])
        checked.take_log((partition, offset, value) for partition, offset, _, value in rows)
        problems = checked.finish()
        say(f"checked {dict(checked.counts)}; {len(problems)} problems")
        self.assertEqual(problems, [])
        self.assert_report(report, checked.counts)
        return rows

    def assert_report(self, report, counts):
        self.assertEqual((report["trouble"], report["topicless"]), ("", 0))
        self.assertEqual(report["accepted"], sum(report["callers"]))
        fates = {name: report[name] for name in log_checker.NAMES}
        self.assertEqual(fates, {name: counts[name] for name in log_checker.NAMES})
        self.assertEqual((report["held"], report["dropped"], report["failed"]), (0, 0, 0), report)
        self.assertEqual(counts["read"] - counts["read unknown"], report["delivered"])
        self.assertTrue(report["clean"], "close left nothing behind")
        self.assertLessEqual(report["memory_peak"], report["memory_max"])
        self.assertLessEqual(report["rss_peak"], report["memory_max"] + RSS_BESIDE_BUDGET)
