"""What the tests of the command line share: the program, a dev broker of their own, servers that lie."""

import contextlib
import json
import os
import signal
import socket
import subprocess
import tempfile
import threading
import time
import unittest

import kafka_log

PROGRAM = os.environ.get("SPILLWAY_PROGRAM", "build/spillway")
TIMEOUT = 60  # seconds until a test says that the program hangs


class Broker:
    """`spillway dev-broker` on free ports, one process per topic list."""

    def __init__(self, *topics):
        command = [PROGRAM, "dev-broker", "--listen", "127.0.0.1:0"]
        for topic in topics:
            command += ["--topic", topic]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        ready = self.process.stdout.readline()
        assert ready.startswith("ready "), f"the dev broker said {ready!r}"
        self.bootstrap = ready.split("bootstrap=")[1].split()[0]

    def read(self, topic, partition=0):
        return kafka_log.read_partition(self.bootstrap, topic, partition)

    def values(self, topic, partition=0):
        return [record.value for record in self.read(topic, partition)]

    def freeze(self):
        self.process.send_signal(signal.SIGSTOP)

    def thaw(self):
        self.process.send_signal(signal.SIGCONT)

    def stop(self):
        self.thaw()
        self.process.terminate()
        self.process.wait(TIMEOUT)
        self.process.stdout.close()


class Done:
    def __init__(self, process, out, err, seconds, ledger):
        self.code, self.out, self.err = process.returncode, out, err
        self.seconds, self.ledger = seconds, ledger

    def sentences(self):
        return [line for line in self.err.decode(errors="replace").splitlines() if line]


class Run:
    """One run of the program, with a ledger where it was asked for."""

    def __init__(self, *arguments, ledger=True, **popen):
        self.directory = tempfile.TemporaryDirectory()
        self.ledger_path = os.path.join(self.directory.name, "ledger.json")
        command = [PROGRAM, *map(str, arguments)]
        if ledger:
            command += ["--ledger", self.ledger_path]
        self.begin = time.monotonic()
        settings = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
        self.process = subprocess.Popen(command, **{**settings, **popen})

    def finish(self, data=None, timeout=TIMEOUT):
        try:
            out, err = self.process.communicate(data, timeout)
        except subprocess.TimeoutExpired:
            self.process.kill()
            _, err = self.process.communicate()
            raise AssertionError(f"the program hangs; it said: {err}") from None
        ledger = None
        with contextlib.suppress(FileNotFoundError), open(self.ledger_path, encoding="utf8") as file:
            ledger = json.load(file)
        self.directory.cleanup()
        return Done(self.process, out or b"", err or b"", time.monotonic() - self.begin, ledger)


class Liar:
    """A server that answers every connection with `answer` (bytes), then hangs up or stays silent."""

    def __init__(self, answer, hang_up=True):
        self.answer, self.hang_up = answer, hang_up
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.bootstrap = "127.0.0.1:%d" % self.listener.getsockname()[1]
        self.kept = []
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            with contextlib.suppress(OSError):
                if self.answer:
                    connection.settimeout(5)
                    connection.recv(4096)
                    connection.sendall(self.answer)
            if self.hang_up:
                connection.close()
            else:
                self.kept.append(connection)  # as many as one test makes

    def stop(self):
        self.listener.close()
        for connection in self.kept:
            connection.close()


class CliTest(unittest.TestCase):
    topics = ["t:1"]

    @classmethod
    def setUpClass(cls):
        cls.broker = Broker(*cls.topics)
        cls.addClassCleanup(cls.broker.stop)

    def produce(self, topic, *arguments, broker=None, **run):
        bootstrap = (broker or self.broker).bootstrap
        return Run("produce", "--bootstrap", bootstrap, "--topic", topic, *arguments, **run)

    def assert_adds_up(self, ledger):
        fates = ("delivered", "dropped", "failed", "unknown", "held")
        self.assertEqual(ledger["accepted"], sum(ledger[fate] for fate in fates), ledger)
        self.assertEqual(sum(ledger["by_reason"].values()),
                         ledger["dropped"] + ledger["failed"] + ledger["unknown"], ledger)
        self.assertEqual(ledger["held"], 0, ledger)
        self.assertLessEqual(ledger["memory_peak"], ledger["memory_max"], ledger)

    def assert_delivered(self, done, count):
        self.assertEqual(done.code, 0, done.err)
        self.assert_adds_up(done.ledger)
        self.assertEqual(done.ledger["delivered"], count, done.ledger)

    def assert_one_sentence(self, done, code, *words):
        self.assertEqual(done.code, code, done.err)
        self.assertEqual(len(done.sentences()), 1, done.sentences())
        for word in words:
            self.assertIn(word, done.sentences()[0])
