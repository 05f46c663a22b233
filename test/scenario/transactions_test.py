#!/usr/bin/env python3
"""Real nodes: what is committed is seen whole, what is aborted is not seen, whoever held the id is fenced. Once with
transactions v2 (KIP-890) and once with v1, which older clusters speak."""
import os
import subprocess
import unittest

from nodes import ScenarioTest, say, wait_for

PATIENCE = 60


class Transactor:
    """scenario_transactor beside the test; see its first lines for the verbs."""

    def __init__(self, bootstrap, name):
        command = [os.environ["SCENARIO_TRANSACTOR"], bootstrap, name]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def start(self, line):
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()

    def answer(self):
        return self.process.stdout.readline().strip()

    def do(self, *lines):
        """The answer to the last line; all before it must succeed."""
        for number, line in enumerate(lines):
            self.start(line)
            answer = self.answer()
            assert answer == "ok" or number == len(lines) - 1, f"{line}: {answer}"
        return answer

    def end(self):
        self.process.stdin.close()
        ledger = self.answer()
        self.process.stdout.close()
        self.process.wait(PATIENCE)
        return ledger

    def kill(self):
        self.process.kill()
        self.process.wait()
        self.process.stdin.close()
        self.process.stdout.close()


class Transactions(ScenarioTest):
    version = None  # of the feature transaction.version; set by the two classes below

    @classmethod
    def setUpClass(cls):
        if cls is Transactions:
            raise unittest.SkipTest("the scenarios run in the classes below")
        super().setUpClass()
        cls.feature("downgrade", cls.version, may_stay=True)
        cls.feature("upgrade", cls.version, may_stay=True)
        say(f"transactions v{cls.version}")

    @classmethod
    def feature(cls, verb, level, may_stay=False):
        done = cls.nodes.java("org.apache.kafka.tools.FeatureCommand", "--bootstrap-server", cls.nodes.bootstrap, verb,
                              "--feature", f"transaction.version={level}", stdout=subprocess.PIPE)
        assert may_stay or done.returncode == 0, done.stderr

    def transactor(self, name=None):
        made = Transactor(self.nodes.bootstrap, name or self.name)
        self.addCleanup(lambda: made.process.poll() is None and made.kill())
        return made

    def topic(self, partitions=1):
        name = f"{self.name}-v{self.version}"
        self.nodes.topic(name, partitions)
        return name

    def committed(self, topic):
        command = ["kcat", "-C", "-q", "-e", "-b", self.nodes.bootstrap, "-t", topic, "-o", "beginning",
                   "-X", "isolation.level=read_committed"]
        lines = subprocess.run(command, stdout=subprocess.PIPE, check=True, timeout=PATIENCE, text=True).stdout
        return sorted(lines.split())

    def expect_committed(self, topic, *groups):
        """groups: (prefix, count). The markers may be written a moment after the answer."""
        want = sorted(f"{prefix}-{i}" for prefix, count in groups for i in range(count))
        wait_for(lambda: len(self.committed(topic)) >= len(want), PATIENCE,
                 lambda: f"{topic}: {len(self.committed(topic))} of {len(want)}")
        self.assertEqual(self.committed(topic), want)

    def test_committed_is_seen_and_aborted_is_not(self):
        topic = self.topic(3)
        one = self.transactor()
        self.assertEqual(one.do("init", "begin", f"send {topic} 500 a", "commit"), "ok")
        self.assertEqual(one.do("begin", f"send {topic} 400 b", "abort"), "ok")
        self.assertEqual(one.do("begin", f"queue {topic} 300 c", "commit"), "ok")
        self.assertEqual(one.do("begin", "commit"), "ok")
        self.assertEqual(one.do("begin", "abort"), "ok")
        for round_number in range(20):
            self.assertEqual(one.do("begin", f"queue {topic} 10 r{round_number}", "commit"), "ok")
        self.expect_committed(topic, ("a", 500), ("c", 300), *((f"r{i}", 10) for i in range(20)))
        self.assertEqual(one.end(), "delivered 1400 dropped 0 failed 0 unknown 0")

    def test_each_wrong_call_has_its_word(self):
        topic = self.topic()
        one = self.transactor()
        self.assertIn("InvalidTransactionState", one.do("begin"))
        self.assertEqual(one.do("init"), "ok")
        self.assertIn("InvalidTransactionState", one.do("init"))
        self.assertIn("NoTransaction", one.do(f"send {topic} 1 x"))
        self.assertIn("InvalidTransactionState", one.do("commit"))
        self.assertIn("InvalidTransactionState", one.do("abort"))
        self.assertEqual(one.do("begin"), "ok")
        self.assertIn("InvalidTransactionState", one.do("begin"))
        self.assertEqual(one.do("abort"), "ok")

    def test_a_second_producer_fences_the_first(self):
        topic = self.topic()
        one, two = self.transactor(), self.transactor()
        self.assertEqual(one.do("init", "begin", f"send {topic} 50 old"), "ok")
        self.assertEqual(two.do("init", "begin", f"send {topic} 40 new"), "ok")
        answer = one.do("commit")
        say(answer)
        self.assertIn("ProducerFenced", answer)
        self.assertIn("ProducerFenced", one.do("abort"))
        self.assertIn("ProducerFenced", one.do("begin"))
        self.assertEqual(two.do("commit"), "ok")
        self.expect_committed(topic, ("new", 40))

    def test_what_a_killed_producer_left_open_is_aborted(self):
        topic = self.topic()
        one = self.transactor()
        self.assertEqual(one.do("init", "begin", f"send {topic} 100 lost"), "ok")
        one.kill()
        two = self.transactor()
        self.assertEqual(two.do("init", "begin", f"send {topic} 60 kept", "commit"), "ok")
        self.expect_committed(topic, ("kept", 60))

    def test_offsets_are_committed_with_the_records(self):
        topic = self.topic()
        group = f"group-v{self.version}"
        one = self.transactor()
        self.assertEqual(one.do("init", "begin", f"send {topic} 10 a", f"offset {group} {topic} 0 7", "commit"), "ok")
        self.assertEqual(self.offset_of(group), 7)
        self.assertEqual(one.do("begin", f"send {topic} 10 b", f"offset {group} {topic} 0 9", "abort"), "ok")
        self.assertEqual(self.offset_of(group), 7)
        self.assertEqual(one.do("begin", f"offset {group} {topic} 0 8", "commit"), "ok")
        self.assertEqual(self.offset_of(group), 8)
        self.expect_committed(topic, ("a", 10))

    def offset_of(self, group):
        done = self.nodes.java("org.apache.kafka.tools.consumer.group.ConsumerGroupCommand", "--bootstrap-server",
                               self.nodes.bootstrap, "--describe", "--group", group, stdout=subprocess.PIPE)
        self.assertEqual(done.returncode, 0, done.stderr)
        rows = [line.split() for line in done.stdout.decode().splitlines() if line.startswith(group)]
        return int(rows[0][3])

    def test_a_record_that_cannot_be_delivered_spoils_the_transaction(self):
        topic = self.topic()
        one = self.transactor()
        self.assertEqual(one.do("init", "begin", f"send {topic} 10 a"), "ok")
        self.shrink(topic, 100)
        answer = one.do(f"send {topic} 1 {'x' * 300}", "commit")
        say(answer)
        self.assertIn("TransactionAbortable", answer)
        self.assertIn("TransactionAbortable", one.do("commit"))
        self.assertEqual(one.do("abort"), "ok")
        self.assertEqual(one.do("begin", f"send {topic} 1 b", "commit"), "ok")
        self.expect_committed(topic, ("b", 1))

    def shrink(self, topic, size):
        done = self.nodes.java("kafka.admin.ConfigCommand",
                               "--bootstrap-server", self.nodes.bootstrap, "--alter", "--topic", topic, "--add-config",
                               f"max.message.bytes={size}", stdout=subprocess.PIPE)
        self.assertEqual(done.returncode, 0, done.stderr)


class TransactionsV1(Transactions):
    version = 1


class TransactionsV2(Transactions):
    version = 2


if __name__ == "__main__":
    unittest.main(verbosity=2)
