"""spillway bench and spillway demo, with and without a terminal."""

import os
import pty
import re
import subprocess
import unittest

from harness import CliTest, Run


class Bench(CliTest):
    topics = ["bench:8"]

    def bench(self, *arguments):
        return Run("bench", "--bootstrap", self.broker.bootstrap, "--topic", "bench", "--progress",
                   "off", *arguments).finish()

    def test_prints_a_table_and_writes_the_same_ledger_as_produce(self):
        done = self.bench("--records", 20_000, "--size", 50, "--key-size", 8, "--headers", 1)
        self.assert_delivered(done, 20_000)
        self.assertIn(b"CPU/record", done.out)
        self.assertNotIn("send_latency_ns", done.ledger)

    def test_latencies_are_measured_when_asked_for_or_at_a_rate(self):
        for arguments in (("--latency",), ("--rate", 20_000)):
            done = self.bench("--records", 10_000, *arguments)
            self.assert_delivered(done, 10_000)
            for name in ("send_latency_ns", "ack_latency_ns"):
                latency = done.ledger[name]
                self.assertEqual(list(latency), ["p50", "p99", "p99.9", "max"])
                self.assertLessEqual(latency["p50"], latency["p99"])
                self.assertLessEqual(latency["p99.9"], latency["max"])
                self.assertGreater(latency["max"], 0)

    def test_partitions_get_equal_shares_and_headers_have_64_bytes(self):
        before = [len(self.broker.read("bench", partition)) for partition in range(8)]
        done = self.bench("--records", 801, "--partitions", 8, "--headers", 2, "--threads", 3)
        self.assert_delivered(done, 801)
        records = [self.broker.read("bench", partition)[before[partition]:]
                   for partition in range(8)]
        self.assertEqual([len(found) for found in records], [101] + [100] * 7)
        headers = records[0][0].headers
        self.assertEqual([len(name) + len(value) for name, value in headers], [64, 64])

    def test_a_partition_that_does_not_exist_ends_the_run_with_exit_1(self):
        done = self.bench("--records", 1000, "--partitions", 9)
        self.assertEqual(done.code, 1, done.err)
        self.assertGreater(len(done.sentences()), 0)


class Demo(unittest.TestCase):
    def check_ending(self, text):
        identity = re.search(r"([\d,]+) accepted = ([\d,]+) delivered \+ ([\d,]+) dropped \+ "
                             r"([\d,]+) failed \+ ([\d,]+) unknown \+ ([\d,]+) held", text)
        self.assertIsNotNone(identity, text)
        accepted, *fates = (int(number.replace(",", "")) for number in identity.groups())
        self.assertGreater(accepted, 1000, text)
        self.assertEqual(accepted, sum(fates), text)
        self.assertIn("memory peak", text)

    def test_without_a_terminal_it_tells_the_outage_in_plain_lines(self):
        done = Run("demo", "--seconds", 6, "--rate", 20_000).finish()
        text = done.err.decode()
        self.assertEqual(done.code, 0, text)
        self.check_ending(text)
        self.assertNotIn("\x1b", text)
        self.assertIn("THE BROKER IS GONE", text)
        self.assertIn("the broker is back", text)

    def test_on_a_terminal_it_redraws_a_view(self):
        ours, theirs = pty.openpty()
        environment = {**os.environ, "TERM": "xterm", "LC_ALL": "C.UTF-8"}
        run = Run("demo", "--seconds", 3, "--rate", 20_000, stderr=theirs, env=environment,
                  stdin=subprocess.DEVNULL)
        os.close(theirs)
        text = b""
        try:
            while piece := os.read(ours, 65536):
                text += piece
        except OSError:
            pass  # Linux says EIO when the other side of a terminal is gone
        os.close(ours)
        done = run.finish()
        self.assertEqual(done.code, 0, text)
        self.assertIn(b"\x1b[", text)
        self.assertIn("█".encode(), text)
        self.check_ending(text.decode())


if __name__ == "__main__":
    unittest.main()
