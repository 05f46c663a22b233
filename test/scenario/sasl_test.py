#!/usr/bin/env python3
"""A real node that asks who is there: each mechanism gets in, each mistake is one sentence, and logins that end every
three seconds cost no record. Starts its own node, because its listeners, users and rules are nobody else's."""
import base64
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import time
import unittest

import nodes
from nodes import ScenarioTest, read_at_least, say

USER, PASSWORD = "ann", "correct-horse-battery-staple"
MECHANISMS = ("PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512", "OAUTHBEARER")
SESSION_MS = 3000
LINES = 2000
LOAD_SECONDS, LOAD_RATE = 15, 4000
RUN_SECONDS = 60
MODULE = "org.apache.kafka.common.security"
CONFIGS = (
    f"sasl.enabled.mechanisms={','.join(MECHANISMS)}",
    f"connections.max.reauth.ms={SESSION_MS}",
    *(f"listener.name.{listener}.plain.sasl.jaas.config={MODULE}.plain.PlainLoginModule required "
      f'user_{USER}="{PASSWORD}";' for listener in ("sasl_plaintext", "plain_only")),
    *(f"listener.name.sasl_plaintext.{name}.sasl.jaas.config={MODULE}.scram.ScramLoginModule required;"
      for name in ("scram-sha-256", "scram-sha-512")),
    f"listener.name.sasl_plaintext.oauthbearer.sasl.jaas.config={MODULE}.oauthbearer.OAuthBearerLoginModule required "
    'unsecuredLoginStringClaim_sub="broker";',
    "listener.name.plain_only.sasl.enabled.mechanisms=PLAIN",
)
USERS = [f'{name}=[name={USER},password={PASSWORD}]' for name in ("SCRAM-SHA-256", "SCRAM-SHA-512")]


def unsecured_token(lifetime):
    """RFC 7515 without a signature: what Kafka takes when no validator is configured, and nobody should."""
    now = int(time.time())
    parts = {"alg": "none"}, {"sub": "ann", "iat": now, "exp": now + lifetime}
    encoded = [base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=").decode() for part in parts]
    return ".".join(encoded) + "."


class Sasl(ScenarioTest):
    def setUp(self):
        super().setUp()
        self.folder = self.evidence / self.name
        self.folder.mkdir(parents=True, exist_ok=True)
        self.sasl = self.nodes.cluster.bootstrap("SASL_PLAINTEXT")

    def secret(self, name, text):
        path = self.folder / name
        path.write_text(text + "\n")
        return str(path)

    def login(self, mechanism, password=PASSWORD, lifetime=3600):
        if mechanism == "OAUTHBEARER":
            return ["--sasl-mechanism", mechanism, "--sasl-token-file", self.secret("token", unsecured_token(lifetime))]
        return ["--sasl-mechanism", mechanism, "--sasl-username", USER,
                "--sasl-password-file", self.secret(f"password{len(password)}", password)]

    def produce(self, bootstrap, topic, lines, *words):
        path = self.folder / f"{topic}.input"
        path.write_bytes(b"".join(b"%d\n" % number for number in range(lines)))
        ledger = self.folder / f"{topic}.ledger"
        ledger.unlink(missing_ok=True)
        process = subprocess.Popen([os.environ["SPILLWAY_PROGRAM"], "produce", "--bootstrap", bootstrap, "--topic", topic,
                                    "--input", str(path), "--progress", "off", "--ledger", str(ledger), *words],
                                   stderr=subprocess.PIPE, text=True)
        self.addCleanup(process.kill)
        return process, ledger

    def prove(self, process, ledger, topic, lines):
        _, err = process.communicate(timeout=RUN_SECONDS)
        self.assertEqual((process.returncode, err), (0, ""), topic)
        rows = read_at_least(self.nodes.bootstrap, topic, lines)
        self.assertEqual([row[3] for row in rows], [b"%d" % number for number in range(lines)], topic)
        return json.loads(ledger.read_text())

    def test_each_mechanism_gets_in(self):
        running = []
        for mechanism in MECHANISMS:
            topic = "in-" + mechanism
            self.nodes.topic(topic, 1)
            running.append((*self.produce(self.sasl, topic, LINES, *self.login(mechanism)), topic))
        for process, ledger, topic in running:
            self.prove(process, ledger, topic, LINES)
            say(f"{topic}: {LINES} lines read back in order")

    def test_each_mistake_is_one_sentence(self):
        self.nodes.topic("mistakes", 1)
        other = self.nodes.cluster.bootstrap("PLAIN_ONLY")
        cases = [(self.sasl, self.login(name, "open-sesame"), ["AuthenticationFailed", f"our {name} credentials"])
                 for name in MECHANISMS[:3]]
        cases += [
            (self.sasl, self.login("OAUTHBEARER", lifetime=-60), ["AuthenticationFailed", "invalid_token"]),
            (other, self.login("SCRAM-SHA-512"), ["AuthenticationFailed", "does not offer SCRAM-SHA-512 but PLAIN"]),
            (self.nodes.bootstrap, self.login("PLAIN"), ["AuthenticationFailed", "does not authenticate"]),
            (self.sasl, [], ["Unreachable", "expects SASL"]),
        ]
        running = [self.produce(bootstrap, "mistakes", 1, *words)[0] for bootstrap, words, _ in cases]
        for process, (_, _, expected) in zip(running, cases):
            _, err = process.communicate(timeout=RUN_SECONDS)
            say(err.strip())
            self.assertEqual((process.returncode, len(err.splitlines())), (1, 1), err)
            for word in [*expected, "127.0.0.1"]:
                self.assertIn(word, err)
            for secret in (PASSWORD, "open-sesame", "eyJ"):
                self.assertNotIn(secret, err)

    def test_logins_end_every_three_seconds_under_load(self):
        lines, running = LOAD_SECONDS * LOAD_RATE, []
        for mechanism in ("PLAIN", "SCRAM-SHA-512", "OAUTHBEARER"):
            topic = "again-" + mechanism
            self.nodes.topic(topic, 1)
            running.append((*self.produce(self.sasl, topic, lines, "--rate", str(LOAD_RATE), *self.login(mechanism)), topic))
        for process, ledger, topic in running:
            told = self.prove(process, ledger, topic, lines)
            say(f"{topic}: {lines} lines read back in order, {told['authentications']} logins")
            self.assertEqual((told["accepted"], told["delivered"]), (lines, lines), told)
            self.assertGreaterEqual(told["authentications"], 5, "the sessions ended, so logins were renewed")


def main():
    with tempfile.TemporaryDirectory(prefix="spillway-kafka.", ignore_cleanup_errors=True) as folder:
        tool = [sys.executable, str(pathlib.Path(nodes.cluster.__file__))]
        os.environ["KAFKA_DIR"] = folder + "/cluster"
        words = [f"--config={config}" for config in CONFIGS] + [f"--scram={user}" for user in USERS]
        subprocess.run([*tool, "start", "--owner", str(os.getpid()), "--listener=SASL_PLAINTEXT",
                        "--listener=PLAIN_ONLY=SASL_PLAINTEXT", *words], check=True)
        try:
            return not unittest.main(exit=False, verbosity=0).result.wasSuccessful()
        finally:
            subprocess.run([*tool, "stop"], check=False)


if __name__ == "__main__":
    sys.exit(main())
