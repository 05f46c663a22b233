"""Everything a user or a network can get wrong: one sentence, the right exit code, no hang."""

import os
import socket
import struct
import subprocess
import unittest

from harness import CliTest, Liar, Run

TARGET = ("--bootstrap", "127.0.0.1:1", "--topic", "t")

# Arguments after `spillway`, and what the one sentence must mention.
USAGE_ERRORS = [
    ((), ("subcommand", "--help")),
    (("frobnicate",), ("frobnicate",)),
    (("produce",), ("--bootstrap", "required")),
    (("produce", "--bootstrap", "h:1"), ("--topic", "required")),
    (("produce", *TARGET, "--frobnicate"), ("--frobnicate",)),
    (("produce", *TARGET, "--memory", "64M"), ("--memory", "64M", "64MiB")),
    (("produce", *TARGET, "--memory", "-1MiB"), ("--memory",)),
    (("produce", *TARGET, "--memory", "99999999999GiB"), ("--memory",)),
    (("produce", *TARGET, "--linger", "5"), ("--linger", "5ms")),
    (("produce", *TARGET, "--block-deadline", "soon"), ("--block-deadline", "60s")),
    (("produce", *TARGET, "--acks", "2"), ("--acks", "all, 1, 0")),
    (("produce", *TARGET, "--when-full", "panic"), ("--when-full", "drop-oldest")),
    (("produce", *TARGET, "--progress", "yes"), ("--progress", "auto, off")),
    (("produce", *TARGET, "--rate", "-5"), ("--rate", "whole number")),
    (("produce", *TARGET, "--rate", "fast"), ("--rate", "whole number")),
    (("produce", *TARGET, "--key-separator", ""), ("--key-separator",)),
    (("produce", *TARGET, "--input", "/no/such/file"), ("/no/such/file", "--input")),
    (("produce", *TARGET, "--ledger", "/no/such/place/l.json"), ("/no/such/place", "--ledger")),
    (("produce", "--bootstrap", "h:port", "--topic", "t"), ("bootstrap",)),
    (("produce", "--bootstrap", "", "--topic", "t"), ("bootstrap",)),
    (("produce", "--bootstrap", "h:99999", "--topic", "t"), ("bootstrap",)),
    (("produce", *TARGET, "--memory", "1kB"), ("memory",)),
    (("produce", *TARGET, "--topic", "again"), ("--topic",)),
    (("produce", *TARGET, "--tls-ca", "ca.pem"), ("--tls-ca", "requires --tls")),
    (("produce", *TARGET, "--tls", "--tls-ca", "/no/ca.pem"), ("tls.ca", "/no/ca.pem", "No such file")),
    (("produce", *TARGET, "--tls", "--tls-ca", __file__), ("tls.ca", __file__, "PEM")),
    (("produce", *TARGET, "--tls", "--tls-cert", "/no/c.pem"), ("tls.certificate", "tls.key", "both")),
    (("produce", *TARGET, "--tls", "--tls-key", "/no/c.key"), ("tls.key", "tls.certificate", "both")),
    (("produce", *TARGET, "--tls", "--tls-key-password-file", "/no/file"), ("/no/file",)),
    (("produce", *TARGET, "--sasl-mechanism", "KERBEROS"), ("--sasl-mechanism", "SCRAM-SHA-256")),
    (("produce", *TARGET, "--sasl-mechanism", "OAUTHBEARER"), ("sasl.token",)),
    (("produce", *TARGET, "--sasl-username", "ann"), ("sasl.password",)),
    (("produce", *TARGET, "--sasl-password-file", "/no/file"), ("--sasl-password-file", "/no/file")),
    (("produce", *TARGET, "--sasl-password-file", "/dev/null"), ("/dev/null", "empty")),
    (("bench", *TARGET, "--threads", "0"), ("--threads",)),
    (("bench", *TARGET, "--size", "1TB"), ("--size",)),
    (("demo", "--seconds", "x"), ("--seconds",)),
    (("dev-broker", "--listen", "9092"), ("--listen",)),
    (("dev-broker", "--topic", "t:0"), ("--topic",)),
    (("dev-broker", "--version-cap", "Produce"), ("--version-cap", "Produce=7")),
    (("dev-broker", "--version-cap", "Frobnicate=1"), ("--version-cap",)),
    (("dev-broker", "--tls-cert", "c.pem"), ("--tls-cert", "--tls-key")),
    (("dev-broker", "--sasl-user", "ann"), ("--sasl-user", "NAME:PASSWORD")),
]

# What a server that is no Kafka may answer to the first request.
LIES = {
    "an HTTP server": b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n",
    "a TLS port": b"\x15\x03\x01\x00\x02\x02\x0a",
    "garbage": bytes(range(256)) * 64,
    "half a frame": struct.pack(">ii", 100, 1) + b"half",
    "a huge length": struct.pack(">i", 0x7FFFFFFF) + b"x" * 1000,
    "a negative length": struct.pack(">i", -1) + b"x" * 1000,
    "an empty frame": struct.pack(">i", 0),
    "somebody else's answer": struct.pack(">iih", 6, 0x12345678, 0),
    "an immediate close": b"",
}


class Usage(unittest.TestCase):
    assert_one_sentence = CliTest.assert_one_sentence

    def test_a_wrong_command_line_gets_one_sentence_and_exit_2(self):
        for arguments, words in USAGE_ERRORS:
            with self.subTest(arguments=arguments):
                done = Run(*arguments, ledger=False).finish(b"x\n")
                self.assertEqual(done.out, b"")
                self.assert_one_sentence(done, 2, *words)

    def test_help_goes_to_standard_output_and_is_no_error(self):
        for command in ((), ("produce",), ("bench",), ("demo",), ("dev-broker",)):
            done = Run(*command, "--help", ledger=False).finish()
            self.assertEqual((done.code, done.err), (0, b""))
            self.assertIn(b"spillway", done.out)

    def test_help_into_a_closed_pipe_does_not_crash(self):
        run = Run("--help", ledger=False)
        run.process.stdout.close()
        run.process.stdout = None
        self.assertGreaterEqual(run.finish().code, 0)

    def test_a_closed_standard_input_is_named(self):
        done = Run("produce", *TARGET, ledger=False, stdin=None,
                   preexec_fn=lambda: os.close(0)).finish()
        self.assert_one_sentence(done, 2, "standard input is closed", "--input")


class Bootstrap(unittest.TestCase):
    """All of them wait out the same patience, so they run side by side."""

    assert_one_sentence = CliTest.assert_one_sentence

    def test_what_is_no_kafka_is_given_up_with_one_sentence(self):
        liars = {name: Liar(answer) for name, answer in LIES.items()}
        liars["silence"] = Liar(b"", hang_up=False)
        addresses = {name: liar.bootstrap for name, liar in liars.items()}
        with socket.create_server(("127.0.0.1", 0)) as closed:
            addresses["a closed port"] = "127.0.0.1:%d" % closed.getsockname()[1]
        addresses["an unknown host"] = "no-such-host.invalid:9092"
        runs = {name: Run("produce", "--bootstrap", address, "--topic", "t", "--progress", "off",
                          ledger=False)
                for name, address in addresses.items()}
        for name in ("an HTTP server", "garbage", "an immediate close", "silence"):
            runs["TLS to " + name] = Run("produce", "--bootstrap", addresses[name], "--topic", "t", "--tls",
                                         "--progress", "off", ledger=False)
        for name, run in runs.items():
            with self.subTest(bootstrap=name):
                done = run.finish(b"x\n", timeout=40)
                self.assert_one_sentence(done, 1, *(["TLS handshake failed"] if name.startswith("TLS") else []))
        for liar in liars.values():
            liar.stop()


class Target(CliTest):
    def test_an_unknown_topic_is_named_and_nothing_is_sent(self):
        done = self.produce("nowhere", "--progress", "off").finish(b"x\n")
        self.assert_one_sentence(done, 1, "nowhere")

    def test_an_illegal_topic_name_is_a_usage_error(self):
        for name in ("a b", "..", "x" * 300):
            done = self.produce(name, "--progress", "off").finish(b"x\n")
            self.assert_one_sentence(done, 2)

    def test_the_smallest_budget_that_is_named_works_and_one_byte_less_does_not(self):
        refused = self.produce("t", "--memory", "1kB", "--progress", "off").finish(b"")
        self.assert_one_sentence(refused, 2)
        numbers = [int(word.strip(".,;:()")) for word in refused.sentences()[0].split()
                   if word.strip(".,;:()").isdigit()]
        smallest = max(numbers)
        less = self.produce("t", "--memory", smallest - 1, "--progress", "off").finish(b"")
        self.assert_one_sentence(less, 2)
        done = self.produce("t", "--memory", smallest, "--progress", "off").finish(b"x\n" * 1000)
        self.assert_delivered(done, 1000)

    def test_a_directory_as_input_is_said(self):
        done = self.produce("t", "--input", "/", "--progress", "off",
                            stdin=subprocess.DEVNULL).finish()
        self.assertEqual(done.code, 1)
        self.assertIn("cannot be read", done.sentences()[0])

    def test_one_good_address_among_bad_ones_is_enough(self):
        liar = Liar(LIES["garbage"])
        self.addCleanup(liar.stop)
        bootstrap = f"127.0.0.1:1,{liar.bootstrap},{self.broker.bootstrap}"
        done = Run("produce", "--bootstrap", bootstrap, "--topic", "t").finish(b"x\n" * 10)
        self.assert_delivered(done, 10)


if __name__ == "__main__":
    unittest.main()
