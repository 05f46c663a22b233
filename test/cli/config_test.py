"""Settings by Kafka's names: --config FILE and -X, who wins, and what is refused in one sentence."""

import os
import pathlib
import re
import subprocess
import tempfile
import unittest

from harness import PROGRAM, CliTest, Run

PAGE = pathlib.Path(__file__).resolve().parents[2] / "docs/configuration.md"
SECRET = "hunter2hunter2"

# Text of a file, arguments of -X, and what the one sentence must mention.
REFUSED = [
    ("linger.mss=5\n", (), ("line 1", "linger.mss", "did you mean linger.ms?")),
    ("\n# c\nlinger.ms=5ms\n", (), ("line 3", "'5ms'", "milliseconds")),
    ("acks=1\nenable.idempotence=true\n", (), ("enable.idempotence", "acks")),
    ("linger.ms=1\nqueue.buffering.max.ms=2\n", (), ("linger.ms", "queue.buffering.max.ms", "line 2")),
    ("transactional.id=t\n", (), ("transactional.id", "transactions")),
    ("ssl.ca.location=/ca.pem\n", (), ("security.protocol",)),
    ("delivery.timeout.ms=1000\n", (), ("delivery.timeout.ms", "request.timeout.ms")),
    ("buffer.memory=1000\n", (), ("memory_max",)),
    ("a\\u12=1\n", (), ("line 1", "\\u")),
    ("x" * 70_000 + "=1\n", (), ("line 1", "65536")),
    ("", ("linger.ms=1", "linger.ms=2"), ("-X", "keep one")),
    ("", ("nonsense",), ("-X", "NAME=VALUE")),
    ("", ("nonsense=1",), ("-X", "nonsense")),
    ("", ("retries=0",), ("retries", "delivery timeout")),
    ("", (f"sasl.password={SECRET}",), ("security.protocol",)),
    ("", (f"sasl.jaas.config={SECRET}",), ("sasl.jaas.config", "its value")),
    (f"security.protocol=SASL_SSL\nsasl.mechanism=PLAIN\nsasl.jaas.config={SECRET}\n", (), ("its value",)),
    (f"ssl.keystore.password={SECRET}\n", (), ("ssl.keystore.password",)),
    (f"sasl.password={SECRET}\nsasl.password={SECRET}2\n", (), ("keep one",)),
]


class Config(CliTest):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.path = os.path.join(folder.name, "producer.properties")

    def write(self, text):
        pathlib.Path(self.path).write_text(text, encoding="utf8")

    def run_with(self, *arguments):
        return Run("produce", "--config", self.path, "--topic", "t", *arguments).finish(b"a\nb\n")

    def test_a_file_is_enough_to_find_the_brokers(self):
        self.write(f"# mine\nbootstrap.servers = {self.broker.bootstrap}\nlinger.ms: 1\nacks=all\n")
        self.assert_delivered(self.run_with(), 2)

    def test_x_wins_over_the_file_and_a_flag_over_both(self):
        self.write("bootstrap.servers=127.0.0.1:1\n")
        self.assert_delivered(self.run_with("-X", f"bootstrap.servers={self.broker.bootstrap}"), 2)
        self.assert_delivered(self.run_with("-X", "bootstrap.servers=127.0.0.1:2",
                                            "--bootstrap", self.broker.bootstrap), 2)

    def test_the_memory_of_the_file_is_the_budget(self):
        self.write(f"bootstrap.servers={self.broker.bootstrap}\nqueue.buffering.max.kbytes=16384\n")
        self.assertEqual(self.run_with().ledger["memory_max"], 16384 << 10)

    def test_bench_and_demo_take_them_too(self):
        self.write(f"bootstrap.servers={self.broker.bootstrap}\n")
        done = Run("bench", "--config", self.path, "--topic", "t", "--records", 100, "--progress", "off").finish()
        self.assert_delivered(done, 100)
        done = Run("demo", "--seconds", 1, "-X", "acks=7").finish()
        self.assert_one_sentence(done, 2, "acks")

    def test_what_is_wrong_is_one_sentence_and_never_a_secret(self):
        for text, assignments, words in REFUSED:
            with self.subTest(text[:60], assignments=assignments):
                self.write(text)
                more = [word for each in assignments for word in ("-X", each)]
                done = self.run_with("--bootstrap", self.broker.bootstrap, *more)
                self.assert_one_sentence(done, 2, *words)
                self.assertNotIn(SECRET, done.err.decode())

    def test_a_file_that_cannot_be_read_is_named(self):
        for path in ("/no/such/file", "/", "/dev/zero"):
            done = Run("produce", "--config", path, "--topic", "t", "--bootstrap", "h:1").finish()
            self.assert_one_sentence(done, 2, path)

    def test_config_checks_a_file_without_sending(self):
        self.write("acks=all\n")
        done = Run("config", "--config", self.path, ledger=False).finish()
        self.assertEqual((done.code, done.err), (0, b""))
        self.write("acks=7\n")
        self.assert_one_sentence(Run("config", "--config", self.path, ledger=False).finish(), 2, "acks", "line 1")


class Page(unittest.TestCase):
    def test_the_page_is_what_the_program_prints(self):
        printed = subprocess.run([PROGRAM, "config", "--page"], stdout=subprocess.PIPE, check=True).stdout
        self.assertEqual(printed.decode(), PAGE.read_text(encoding="utf8"),
                         "write it anew: build/spillway config --page > docs/configuration.md")

    def test_every_flag_on_the_page_exists(self):
        help_text = subprocess.run([PROGRAM, "produce", "--help"], stdout=subprocess.PIPE, check=True).stdout.decode()
        flags = set(re.findall(r"\| `(--[a-z-]+)` \|", PAGE.read_text(encoding="utf8")))
        self.assertGreater(len(flags), 3)
        for flag in flags:
            self.assertIn(flag, help_text)


if __name__ == "__main__":
    unittest.main()
