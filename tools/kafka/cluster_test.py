#!/usr/bin/env python3
"""The test cluster itself, on three real nodes: what a scenario test relies on must hold before it is relied on."""
import os
import pathlib
import signal
import subprocess
import sys
import tempfile
import time
import unittest

HERE = pathlib.Path(__file__).resolve().parent
TOOL = [sys.executable, str(HERE / "cluster.py")]


def cluster(*words, **options):
    return subprocess.run([*TOOL, *map(str, words)], stdout=subprocess.PIPE, text=True, **options)


def nodes_alive(folder):
    """Every process whose command line names this cluster's folder and is a Kafka node."""
    found = []
    for entry in pathlib.Path("/proc").glob("[0-9]*/cmdline"):
        try:
            line = entry.read_bytes().decode(errors="replace")
        except OSError:
            continue
        if "kafka.Kafka" in line and str(folder) in line:
            found.append(entry)
    return found


class ThreeNodes(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.scratch = tempfile.TemporaryDirectory(prefix="spillway-kafka-test.")
        cls.folder = pathlib.Path(cls.scratch.name) / "cluster"
        started = cluster("start", "--nodes", 3, "--dir", cls.folder, "--owner", os.getpid())
        cls.bootstrap = started.stdout.strip()
        assert started.returncode == 0, "three nodes start"
        cluster("topic", "lines", "--partitions", 3, "--replication", 3, "--dir", cls.folder, check=True)

    @classmethod
    def tearDownClass(cls):
        cluster("stop", "--dir", cls.folder)
        cls.scratch.cleanup()

    def leader(self):
        return int(cluster("leader", "lines", 0, "--dir", self.folder, check=True).stdout)

    def wait_for_leader_other_than(self, node):
        deadline = time.monotonic() + 40
        while time.monotonic() < deadline:
            if self.leader() not in (node, -1):
                return
            time.sleep(0.2)
        self.fail(f"node {node} still leads lines/0")

    def produce(self, line):
        # Idempotent, because a plain retry while a node is paused does write the line twice.
        subprocess.run(["kcat", "-P", "-b", self.bootstrap, "-t", "lines", "-p", "0", "-X", "enable.idempotence=true"],
                       input=line + "\n", text=True, check=True, timeout=60, stderr=subprocess.DEVNULL)

    def read_back(self):
        command = ["kcat", "-C", "-q", "-e", "-b", self.bootstrap, "-t", "lines", "-p", "0", "-o", "beginning"]
        return subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True, timeout=60).stdout.splitlines()

    def test_a_record_survives_the_death_of_its_leader_and_the_node_comes_back(self):
        self.produce("before")
        dead = self.leader()
        cluster("kill", dead, "--dir", self.folder, check=True)
        self.wait_for_leader_other_than(dead)
        self.produce("without")
        cluster("restart", dead, "--dir", self.folder, check=True)
        cluster("pause", dead, "--dir", self.folder, check=True)
        self.produce("paused")
        cluster("resume", dead, "--dir", self.folder, check=True)
        self.assertEqual(self.read_back()[-3:], ["before", "without", "paused"])
        self.assertNotIn("down", cluster("status", "--dir", self.folder).stdout)

    def test_a_refused_topic_is_an_error_with_kafkas_reason(self):
        refused = cluster("topic", "wide", "--replication", 4, "--dir", self.folder, stderr=subprocess.PIPE)
        self.assertNotEqual(refused.returncode, 0)
        self.assertIn("refused: error 38", refused.stderr)

    def test_an_unknown_node_is_refused(self):
        self.assertNotEqual(cluster("kill", 7, "--dir", self.folder, stderr=subprocess.PIPE).returncode, 0)


class Owner(unittest.TestCase):
    def test_no_node_outlives_an_owner_that_was_killed(self):
        with tempfile.TemporaryDirectory(prefix="spillway-kafka-test.") as scratch:
            folder = pathlib.Path(scratch) / "cluster"
            owner = subprocess.Popen(["sleep", "300"])
            self.assertEqual(cluster("start", "--dir", folder, "--owner", owner.pid).returncode, 0)
            self.assertEqual(len(nodes_alive(folder)), 1)
            owner.send_signal(signal.SIGKILL)
            owner.wait()
            deadline = time.monotonic() + 60
            while (nodes_alive(folder) or folder.exists()) and time.monotonic() < deadline:
                time.sleep(0.1)
            self.assertEqual(nodes_alive(folder), [])
            self.assertFalse(folder.exists())

    def test_run_hands_over_the_bootstrap_and_the_exit_code(self):
        script = "kcat -L -b $KAFKA_BOOTSTRAP | grep -q '1 brokers' && exit 3"
        self.assertEqual(cluster("run", "--nodes", 1, "--", "sh", "-c", script).returncode, 3)

    def test_a_further_listener_answers_on_its_own_port(self):
        script = "[ $KAFKA_BOOTSTRAP != $KAFKA_BOOTSTRAP_SECOND ] && kcat -L -b $KAFKA_BOOTSTRAP_SECOND | grep ' at '"
        told = cluster("run", "--listener", "SECOND=PLAINTEXT", "--", "sh", "-c", script + "; echo $KAFKA_BOOTSTRAP_SECOND")
        self.assertIn(told.stdout.split()[-1], told.stdout.splitlines()[0], "the broker advertises the listener's own port")


if __name__ == "__main__":
    unittest.main(verbosity=2)
