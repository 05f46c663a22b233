#!/usr/bin/env python3
"""One real node with TLS listeners: who is let in, what is said to whom, and that rotated certificates need no restart."""
import atexit
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
import unittest

import nodes
from nodes import ScenarioTest, read_at_least, say

HERE = pathlib.Path(__file__).resolve().parent
CLUSTER = [sys.executable, str(HERE.parent.parent / "tools/kafka/cluster.py")]
RUN_SECONDS = 60
LINES = 20_000


class Certificates:
    """Authorities and what they signed, as PEM files in one folder. openssl makes them, not our code."""

    def __init__(self, folder):
        self.folder = folder

    def path(self, name):
        return str(self.folder / name)

    def openssl(self, *words):
        subprocess.run(["openssl", *words], cwd=self.folder, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)

    def key(self, name):
        self.openssl("genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-out", f"{name}.key")

    def authority(self, name):
        self.key(name)
        self.openssl("req", "-x509", "-new", "-key", f"{name}.key", "-subj", f"/CN={name}", "-days", "2", "-out", f"{name}.pem")

    def issue(self, name, authority, names):
        self.key(name)
        self.openssl("req", "-new", "-key", f"{name}.key", "-subj", f"/CN={name}", "-out", f"{name}.csr")
        (self.folder / "names").write_text(f"subjectAltName={names}\n")
        self.openssl("x509", "-req", "-in", f"{name}.csr", "-CA", f"{authority}.pem", "-CAkey", f"{authority}.key",
                     "-CAcreateserial", "-days", "2", "-extfile", "names", "-out", f"{name}.pem")

    def put(self, name, *parts):
        """Replaces a file in one step, as rotation should."""
        part = self.folder / (name + ".part")
        part.write_text("".join((self.folder / each).read_text() for each in parts))
        part.rename(self.folder / name)


def start_node(folder, made):
    made.authority("old")
    made.authority("new")
    made.authority("foreign")
    made.issue("broker-old", "old", "IP:127.0.0.1")  # and not localhost
    made.issue("broker-new", "new", "IP:127.0.0.1")
    made.issue("client", "old", "DNS:client")
    made.put("keystore.pem", "broker-old.key", "broker-old.pem")
    made.put("trusted.pem", "old.pem")
    settings = {"ssl.keystore.type": "PEM", "ssl.keystore.location": made.path("keystore.pem"),
                "ssl.truststore.type": "PEM", "ssl.truststore.location": made.path("old.pem"),
                "listener.name.mutual.ssl.client.auth": "required"}
    words = [word for pair in settings.items() for word in ("--config", "=".join(pair))]
    subprocess.run([*CLUSTER, "start", "--nodes", "1", "--dir", str(folder), "--owner", str(os.getpid()), *words,
                    "--listener", "SSL", "--listener", "MUTUAL=SSL"], check=True, stdout=subprocess.DEVNULL)
    os.environ["KAFKA_DIR"] = str(folder)


class Tls(ScenarioTest):
    @classmethod
    def setUpClass(cls):
        assert shutil.which("openssl"), "openssl is missing, so no certificate can be made"
        scratch = tempfile.TemporaryDirectory(prefix="spillway-kafka.", ignore_cleanup_errors=True)
        folder = pathlib.Path(scratch.name)
        atexit.register(scratch.cleanup)
        (folder / "certificates").mkdir()
        cls.made = Certificates(folder / "certificates")
        start_node(folder / "cluster", cls.made)
        super().setUpClass()

    @classmethod
    def tearDownClass(cls):
        cls.nodes.cluster.stop()

    def address(self, listener):
        return self.nodes.cluster.bootstrap(listener)

    def produce(self, topic, bootstrap, *words, **options):
        command = [os.environ["SPILLWAY_PROGRAM"], "produce", "--bootstrap", bootstrap, "--topic", topic,
                   "--progress", "off", *words]
        return subprocess.Popen(command, stdin=subprocess.PIPE, stderr=subprocess.PIPE, **options)

    def trusted(self, name="trusted.pem"):
        return ("--tls", "--tls-ca", self.made.path(name))

    def assert_refused(self, told, *words):
        _, err = told.communicate(b"secret\n", timeout=RUN_SECONDS)
        sentences = err.decode().splitlines()
        self.assertEqual((told.returncode, len(sentences)), (1, 1), sentences)
        say(sentences[0])
        for word in words:
            self.assertIn(word, sentences[0])

    def test_records_arrive_and_an_independent_client_reads_them_over_tls(self):
        self.nodes.topic("secured", 3)
        lines = [b"%d %s" % (number, b"x" * (number % 900)) for number in range(LINES)]
        told = self.produce("secured", self.address("SSL"), *self.trusted())
        _, err = told.communicate(b"\n".join(lines) + b"\n", timeout=RUN_SECONDS)
        self.assertEqual((told.returncode, err), (0, b""))
        read = subprocess.run(["kcat", "-C", "-q", "-e", "-b", self.address("SSL"), "-t", "secured", "-X",
                               "security.protocol=ssl", "-X", "ssl.ca.location=" + self.made.path("old.pem")],
                              stdout=subprocess.PIPE, check=True, timeout=RUN_SECONDS)
        self.assertEqual(sorted(read.stdout.splitlines()), sorted(lines))

    def test_a_client_certificate_opens_the_door(self):
        self.nodes.topic("mutual", 1)
        certificate = ("--tls-cert", self.made.path("client.pem"), "--tls-key", self.made.path("client.key"))
        told = self.produce("mutual", self.address("MUTUAL"), *self.trusted(), *certificate)
        _, err = told.communicate(b"known\n", timeout=RUN_SECONDS)
        self.assertEqual((told.returncode, err), (0, b""))
        self.assertEqual([row[3] for row in read_at_least(self.nodes.bootstrap, "mutual", 1)], [b"known"])

    def test_what_is_wrong_is_one_sentence_and_nothing_is_sent(self):
        self.nodes.topic("untouched", 1)
        secure, plain = self.address("SSL"), self.nodes.bootstrap
        port = secure.split(":")[1]
        rows = [
            (secure, self.trusted("foreign.pem"), ("nobody in", "foreign.pem", "tls.ca", secure)),
            (f"localhost:{port}", self.trusted(), ("is for 127.0.0.1", "not for 'localhost'")),
            (plain, self.trusted(), (plain, "TLS handshake failed", "the port of its TLS listener")),
            (secure, (), (secure, "TLS")),
            (self.address("MUTUAL"), self.trusted(), ("asks for a client certificate", "tls.certificate is empty")),
            (self.address("MUTUAL"),
             (*self.trusted(), "--tls-cert", self.made.path("foreign.pem"), "--tls-key", self.made.path("foreign.key")),
             ("refuses our certificate", "foreign.pem")),
        ]
        for told, words in [(self.produce("untouched", bootstrap, *flags), words) for bootstrap, flags, words in rows]:
            with self.subTest(words=words):
                self.assert_refused(told, *words)
        self.assertEqual(nodes.read_back(self.nodes.bootstrap, "untouched"), [])

    def test_rotated_certificates_need_no_restart_of_the_producer(self):
        self.nodes.topic("rotated", 1)
        told = self.produce("rotated", self.address("SSL"), *self.trusted(), "--rate", "2000")
        self.addCleanup(told.kill)
        stop, count = threading.Event(), 0

        def feed():
            nonlocal count
            while not stop.is_set():
                told.stdin.write(b"%d\n" % count)
                told.stdin.flush()
                count += 1
            told.stdin.close()

        feeder = threading.Thread(target=feed)
        feeder.start()
        self.addCleanup(stop.set)
        nodes.wait_until_readable(self.nodes.bootstrap, "rotated", 2000)
        say("the authority, the certificate and the key are replaced; the node starts again with them")
        self.made.put("trusted.pem", "new.pem")
        self.made.put("keystore.pem", "broker-new.key", "broker-new.pem")
        self.nodes.cluster.send(1, signal.SIGTERM)
        nodes.wait_for(lambda: not self.nodes.cluster.alive(1), RUN_SECONDS, "the node does not stop")
        self.nodes.restart(1)
        end = time.monotonic() + 2
        before = count
        nodes.wait_for(lambda: count > before + 4000 and time.monotonic() > end, RUN_SECONDS, "the load is stuck")
        stop.set()
        feeder.join()
        code = told.wait(RUN_SECONDS)
        said = told.stderr.read().decode()
        told.stderr.close()
        say(f"{count} lines, exit {code}: {said.strip()}")
        self.assertEqual(code, 0)
        rows = read_at_least(self.nodes.bootstrap, "rotated", count)
        self.assertEqual([row[3] for row in rows], [b"%d" % number for number in range(count)])


if __name__ == "__main__":
    unittest.main(verbosity=2)
