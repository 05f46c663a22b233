"""spillway produce against a dev broker: what goes in comes out, whatever the bytes and the end."""

import os
import random
import signal
import subprocess
import tempfile
import threading
import time
import unittest

from harness import Broker, CliTest


class Produce(CliTest):
    topics = ["plain:1", "keys:1", "bytes:1", "file:1", "pipe:1", "sizes:1", "long:1", "int:1",
              "rate:1", "crowd:4"]

    def test_what_the_broker_gives_back_is_the_input(self):
        seed = random.randrange(1 << 32)
        print("seed", seed)
        source = random.Random(seed)
        lines = [source.randbytes(source.randrange(300)).replace(b"\n", b"") for _ in range(20_000)]
        done = self.produce("plain", "--progress", "off").finish(b"\n".join(lines) + b"\n")
        self.assert_delivered(done, len(lines))
        self.assertEqual(done.err, b"")
        self.assertEqual(self.broker.values("plain"), lines)

    def test_a_key_ends_at_the_first_separator_and_a_line_without_one_has_none(self):
        done = self.produce("keys", "--key-separator", "::").finish(b"a::1::2\nplain\n::\n")
        self.assert_delivered(done, 3)
        found = [(record.key, record.value) for record in self.broker.read("keys")]
        self.assertEqual(found, [(b"a", b"1::2"), (None, b"plain"), (b"", b"")])

    def test_nul_carriage_return_and_an_open_last_line_are_data(self):
        done = self.produce("bytes").finish(b"\0\na\0b\r\n\n\xff\xfe")
        self.assert_delivered(done, 4)
        self.assertEqual(self.broker.values("bytes"), [b"\0", b"a\0b\r", b"", b"\xff\xfe"])

    def test_a_file_is_read_as_standard_input_would_be(self):
        with tempfile.NamedTemporaryFile() as file:
            file.write(b"one\ntwo")
            file.flush()
            done = self.produce("file", "--input", file.name, stdin=subprocess.DEVNULL).finish()
        self.assert_delivered(done, 2)
        self.assertEqual(self.broker.values("file"), [b"one", b"two"])

    def test_keys_keep_their_order_over_several_partitions(self):
        lines = [b"k%d:%d" % (i % 50, i) for i in range(10_000)]
        done = self.produce("crowd", "--key-separator", ":").finish(b"\n".join(lines))
        self.assert_delivered(done, len(lines))
        records = [record for partition in range(4)
                   for record in self.broker.read("crowd", partition)]
        self.assertEqual(len(records), len(lines))
        for key in {record.key for record in records}:
            numbers = [int(record.value) for record in records if record.key == key]
            self.assertEqual(numbers, sorted(numbers), key)

    def test_the_ledger_has_the_promised_fields(self):
        done = self.produce("plain").finish(b"")
        self.assertEqual(list(done.ledger), [
            "accepted", "delivered", "dropped", "failed", "unknown", "held", "memory_max",
            "memory_peak", "rss_peak", "seconds", "records_per_second", "cpu_ns_per_record",
            "by_reason", "refusals"])
        self.assertEqual(done.ledger["memory_max"], 64 << 20)
        self.assert_delivered(done, 0)

    def test_a_rate_is_kept(self):
        done = self.produce("rate", "--rate", "500").finish(b"x\n" * 500)
        self.assert_delivered(done, 500)
        self.assertGreater(done.ledger["seconds"], 0.95)

    def test_readers_who_leave_do_not_stop_delivery(self):
        run = self.produce("pipe")
        run.process.stdout.close()
        run.process.stderr.close()
        run.process.stdout = run.process.stderr = None
        time.sleep(1.5)  # a progress line meets the closed pipe
        done = run.finish(b"x\n" * 1000)
        self.assert_delivered(done, 1000)

    def test_without_standard_output_and_error_lines_arrive_and_nothing_else_does(self):
        before = len(self.broker.values("pipe"))
        close = lambda: (os.close(1), os.close(2))
        done = self.produce("pipe", preexec_fn=close).finish(b"y\n" * 10)
        self.assert_delivered(done, 10)
        self.assertEqual(self.broker.values("pipe")[before:], [b"y"] * 10)

    def test_a_line_too_large_is_named_and_the_others_arrive(self):
        text = b"a\n" + b"x" * 2_000_000 + b"\nb\n"
        done = self.produce("sizes", "--progress", "off").finish(text)
        self.assertEqual(done.code, 1)
        self.assertIn("line 2 (2,000,000 bytes)", done.sentences()[0])
        self.assertEqual(done.ledger["refusals"]["too_large"], 1)
        self.assertEqual(done.ledger["delivered"], 2)
        self.assertEqual(self.broker.values("sizes"), [b"a", b"b"])

    def test_a_line_of_a_gibibyte_costs_no_memory(self):
        run = self.produce("long", "--memory", "16MiB", "--progress", "off")
        block = b"x" * (1 << 20)
        for _ in range(1024):
            run.process.stdin.write(block)
        done = run.finish(b"\nend\n")
        self.assertEqual(done.code, 1)
        self.assertIn("1,073,741,824 bytes", done.sentences()[0])
        self.assertEqual(self.broker.values("long"), [b"end"])
        self.assertLess(done.ledger["rss_peak"], (16 + 16) << 20)

    def test_an_interrupt_delivers_what_was_accepted_and_says_where_it_stopped(self):
        run = self.produce("int")

        def feed():
            try:
                for i in range(100_000_000):
                    run.process.stdin.write(b"%d\n" % i)
            except BrokenPipeError:
                pass

        feeder = threading.Thread(target=feed)
        feeder.start()
        time.sleep(1)
        run.process.send_signal(signal.SIGINT)
        run.process.wait(20)
        feeder.join()
        run.process.stdin = None
        done = run.finish()
        accepted = done.ledger["accepted"]
        self.assertGreater(accepted, 0)
        self.assert_delivered(done, accepted)
        self.assertTrue(any(f"after line {accepted:,} " in line for line in done.sentences()),
                        done.sentences())
        self.assertEqual(self.broker.values("int"), [b"%d" % i for i in range(accepted)])


class Outage(unittest.TestCase):
    """The broker freezes: SIGSTOP keeps its port open and its answers away."""

    assert_adds_up = CliTest.assert_adds_up
    produce = CliTest.produce

    def setUp(self):
        self.broker = Broker("t:1")
        self.addCleanup(self.broker.stop)

    def freeze_after_start(self, *arguments):
        run = self.produce("t", "--progress", "off", *arguments)
        run.process.stdin.write(b"first\n")
        run.process.stdin.flush()
        deadline = time.monotonic() + 20
        while not self.broker.values("t") and time.monotonic() < deadline:
            time.sleep(0.05)
        self.broker.freeze()
        return run

    def test_the_first_signal_gives_up_within_its_deadline_and_names_what_is_left(self):
        run = self.freeze_after_start()
        run.process.stdin.write(b"x\n" * 100)
        run.process.stdin.flush()
        time.sleep(1)
        run.process.send_signal(signal.SIGTERM)
        done = run.finish(timeout=15)
        self.assertEqual(done.code, 1)
        self.assertEqual(done.ledger["accepted"], 101)
        self.assertEqual(done.ledger["delivered"], 1)
        self.assert_adds_up(done.ledger)

    def test_the_second_signal_ends_at_once(self):
        run = self.freeze_after_start()
        run.process.stdin.write(b"x\n" * 100)
        run.process.stdin.flush()
        time.sleep(1)
        run.process.send_signal(signal.SIGINT)
        time.sleep(0.5)
        begin = time.monotonic()
        run.process.send_signal(signal.SIGINT)
        done = run.finish(timeout=10)
        self.assertLess(time.monotonic() - begin, 3)
        self.assertEqual(done.code, 1)
        self.assert_adds_up(done.ledger)

    def test_a_signal_ends_a_wait_for_room(self):
        run = self.freeze_after_start("--memory", "8MiB")
        feeder = threading.Thread(target=feed_quietly, args=(run, b"x" * 99 + b"\n", 200_000))
        feeder.start()
        time.sleep(3)
        run.process.send_signal(signal.SIGINT)
        time.sleep(0.5)
        run.process.send_signal(signal.SIGINT)
        run.process.wait(10)
        feeder.join()
        run.process.stdin = None
        done = run.finish()
        self.assertEqual(done.code, 1)
        self.assertLess(done.ledger["accepted"], 200_000)
        self.assertEqual(done.ledger["refusals"]["full"], 0)
        self.assert_adds_up(done.ledger)

    def test_with_fail_fast_every_line_is_accepted_or_counted_as_refused(self):
        run = self.freeze_after_start("--memory", "8MiB", "--when-full", "fail-fast",
                                      "--delivery-timeout", "5s")
        done = run.finish((b"x" * 99 + b"\n") * 200_000)
        self.assertEqual(done.code, 1)
        self.assertGreater(done.ledger["refusals"]["full"], 0)
        refused = done.ledger["refusals"]["full"] + done.ledger["refusals"]["busy"]
        self.assertEqual(done.ledger["accepted"] + refused, 200_001)
        self.assert_adds_up(done.ledger)

    def test_with_drop_oldest_every_line_is_accepted_and_memory_stays(self):
        run = self.freeze_after_start("--memory", "8MiB", "--when-full", "drop-oldest",
                                      "--delivery-timeout", "5s")
        done = run.finish((b"x" * 99 + b"\n") * 200_000)
        self.assertEqual(done.code, 1)
        self.assertEqual(done.ledger["accepted"], 200_001)
        self.assertGreater(done.ledger["by_reason"]["drop_oldest"], 0)
        self.assert_adds_up(done.ledger)

    def test_block_stops_at_its_deadline_and_says_where(self):
        run = self.freeze_after_start("--memory", "8MiB", "--block-deadline", "1s",
                                      "--delivery-timeout", "5s")
        feeder = threading.Thread(target=feed_quietly, args=(run, b"x" * 99 + b"\n", 200_000))
        feeder.start()
        run.process.wait(40)
        feeder.join()
        run.process.stdin = None
        done = run.finish()
        self.assertEqual(done.code, 1)
        self.assertEqual(done.ledger["refusals"]["full"], 1)
        self.assertTrue(any("what follows was not sent" in line for line in done.sentences()))
        self.assert_adds_up(done.ledger)

    def test_an_outage_of_two_seconds_costs_nothing(self):
        run = self.freeze_after_start()
        run.process.stdin.write(b"x\n" * 1000)
        run.process.stdin.flush()
        time.sleep(2)
        self.broker.thaw()
        done = run.finish(b"last\n")
        self.assertEqual(done.code, 0, done.err)
        self.assertEqual(self.broker.values("t"), [b"first"] + [b"x"] * 1000 + [b"last"])


def feed_quietly(run, line, count):
    try:
        for _ in range(count // 1000):
            run.process.stdin.write(line * 1000)
        run.process.stdin.close()
    except BrokenPipeError:
        pass


if __name__ == "__main__":
    unittest.main()
