#!/usr/bin/env python3
"""Spillway and librdkafka side by side through the same trouble: two loads, two topics, one cluster of three nodes.

  SCENARIO_WRITE=1     puts the rows that ran into docs/reliability.md; without it they go to the evidence folder
  SCENARIO_ROWS=all    the long rows too, whose trouble three_nodes_test.py makes for Spillway alone anyway

Asserted for Spillway: nothing lost, doubled or out of order, memory within its bound, the trouble was felt, and no pause far
beyond librdkafka's (the slack is for a busy machine; the page has the numbers). For librdkafka nothing: its row is told.
"""
import os
import subprocess
import time
import unittest

import admin
import log_checker
import pauses
import reliability_page
from nodes import RSS_BESIDE_BUDGET, ScenarioTest, cluster, read_at_least, say, wait_for

PARTITIONS = 6
# Both run with less weight than the nodes, because librdkafka's broker threads spin while they cannot send.
SHAPE = dict(threads=4, partitions=PARTITIONS, rate=2000, value_size=400, memory_mib=8, nice=10)
VALUE_BYTES = 215           # of a record, about
FREEZE_SECONDS = 8          # longer than the controller's patience of 6 s
OUTAGE_SECONDS = 15
QUOTA_SECONDS = 8
QUOTA_BATCH_BYTES = 16384   # Java's default
IDLE_SECONDS = 8
EXPIRATION_MS = 3000
TOPIC_AWAY_SECONDS = 2
BACKLOG_PATIENCE = 60
PAUSE_FACTOR, PAUSE_SLACK_MS = 2, 5000  # two cores for three nodes and two loads: a stall of some seconds proves nothing
HEALTHY_PAUSE_MS = 2000     # or not beyond librdkafka's: then it was the machine
KEPT = ("lost", "doubled", "reordered")


def now_ms():
    return int(time.monotonic() * 1000)


def beyond(pause_ms):
    """What nobody would call as long as this pause, on a machine that has other things to do."""
    return pause_ms * PAUSE_FACTOR + PAUSE_SLACK_MS


in_all_rows = unittest.skipUnless(os.environ.get("SCENARIO_ROWS") == "all", "a long row: SCENARIO_ROWS=all")


class Matrix(ScenarioTest):
    rows = {}

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        assert os.path.exists(os.environ["SCENARIO_RIVAL"]), "the rival is missing: install librdkafka-dev and build again"

    @classmethod
    def tearDownClass(cls):
        page = reliability_page.PAGE if "SCENARIO_WRITE" in os.environ else cls.evidence / "reliability.md"
        reliability_page.write(page, cls.rows)

    def setUp(self):
        super().setUp()
        self.began = time.monotonic()
        self.nodes.heal()
        self.port = self.nodes.cluster.node(1)["port"]
        self.gone_before = 0
        self.healthy = None

    def run_both(self, make_topic=None, **shape):
        """Both loads flow; `since` is when the time that is looked at begins."""
        topics = [f"{self.name.replace('_', '-')}-{who}" for who in ("ours", "rival")]
        for topic in topics:
            (make_topic or (lambda name: self.nodes.topic(name, PARTITIONS)))(topic)
        self.topic = topics[0]
        self.ours = self.load(topics[0], "ours", **SHAPE, **shape)
        self.rival = self.load(topics[1], "rival", **SHAPE, **shape, program="SCENARIO_RIVAL")
        for load in (self.ours, self.rival):
            load.wait_for_more(SHAPE["rate"])
        self.since = now_ms()

    def recover(self, load):
        """Until it delivers again and what has piled up is gone."""
        load.wait_for_more()
        wait_for(lambda: load.progress["held"] < SHAPE["rate"] / 4, BACKLOG_PATIENCE, f"the backlog stays: {load.progress}")

    def settle(self):
        self.recover(self.ours)
        try:
            self.recover(self.rival)
        except AssertionError as stuck:
            say(f"librdkafka: {stuck}")
        self.ours.run_for(1)
        self.until = now_ms()

    def judge(self, load):
        """Ends the load; what its row of the page says."""
        report = load.stop()
        checked = log_checker.Check(report["callers"])
        checked.take_fates(log_checker.read_fates(load.folder / "fates.bin", self.gone_before))
        patience = 60 if load is self.ours else 10
        rows = read_at_least(self.nodes.bootstrap, load.topic, checked.counts["delivered"], patience)
        checked.take_log((partition, offset, value) for partition, offset, _, value in rows)
        report["problems"] = checked.finish()
        report["kept"] = [checked.told[kind] for kind in KEPT]
        report["pauses"] = pauses.longest_of_each(load.folder / "fates.bin", PARTITIONS, self.since, self.until)
        say(f"{load.folder.name} {report}")
        return report

    def prove_both(self, felt):
        """felt(report of ours): whether the trouble reached us."""
        self.settle()
        for load in (self.ours, self.rival):
            load.process.terminate()
        ours, rival = self.judge(self.ours), self.judge(self.rival)
        self.rows[self.name] = reliability_page.row(self.name, ours, rival, self.healthy)
        say(f"{time.monotonic() - self.began:.0f} s: {self.rows[self.name]}")
        self.assertEqual(ours["problems"], [])
        self.assertEqual((ours["trouble"], ours["held"], ours["dropped"], ours["clean"]), ("", 0, 0, True), ours)
        self.assertEqual(ours["accepted"], sum(ours[name] for name in log_checker.NAMES), ours)
        self.assertLessEqual(ours["rss_peak"], ours["memory_max"] + RSS_BESIDE_BUDGET)
        self.assertTrue(felt(ours), f"the trouble was not felt, so nothing was proven: {ours}")
        return ours, rival

    def assert_pause(self, ours, rival):
        self.assertLess(max(ours["pauses"]), beyond(max(rival["pauses"])), (ours, rival))

    def prove_complete(self):
        ours, rival = self.prove_both(lambda report: report["batches_retried"] > 0)
        self.assert_pause(ours, rival)
        self.assertEqual((ours["failed"], ours["unknown"], ours["topicless"]), (0, 0, 0), ours)

    def freeze_leader(self):
        frozen = self.nodes.leader(self.topic)
        say(f"SIGSTOP node {frozen}")
        self.nodes.cluster.send(frozen, cluster.signal.SIGSTOP)
        self.ours.run_for(FREEZE_SECONDS)
        say(f"SIGCONT node {frozen}")
        self.nodes.cluster.send(frozen, cluster.signal.SIGCONT)
        return frozen

    def all_in_sync(self):
        def lag():
            try:
                return any(admin.lagging(self.nodes.cluster.node(1)["port"], load.topic) for load in (self.ours, self.rival))
            except OSError:
                return True
        wait_for(lambda: not lag(), 60, "a replica stays behind")

    @in_all_rows
    def test_leader_killed(self):
        self.run_both()
        dead = self.nodes.leader(self.topic)
        self.nodes.kill(dead)
        self.nodes.wait_for_leader_other_than(dead, self.topic)
        self.nodes.restart(dead)
        self.prove_complete()

    def test_leader_frozen(self):
        self.run_both()
        self.freeze_leader()
        self.prove_complete()

    def test_leader_frozen_two_copies(self):
        """A node answers the requests of a connection one after another, so what shares a leader waits together: healthy
        are the partitions of a leader that has nothing on the frozen node."""
        places = [(1, 2), (2, 1), (3, 2)] * 2
        self.run_both(lambda name: (admin.create_placed_topic(self.port, name, places, 1), time.sleep(1)))
        self.assertEqual(self.freeze_leader(), 1)
        self.healthy = [index for index, (leader, _) in enumerate(places) if leader == 3]
        ours, rival = self.prove_both(lambda report: report["batches_retried"] > 0)
        self.assert_pause(ours, rival)
        self.assertEqual((ours["failed"], ours["unknown"]), (0, 0), ours)
        longest, other = (max(report["pauses"][index] for index in self.healthy) for report in (ours, rival))
        self.assertLess(longest, max(HEALTHY_PAUSE_MS, beyond(other)), (ours, rival))

    def test_controller_killed(self):
        self.run_both()
        dead = admin.controller({number: self.nodes.cluster.home(number) for number in self.nodes.numbers})
        self.nodes.kill(dead)
        self.ours.run_for(3)
        self.nodes.restart(dead)
        self.prove_complete()

    def test_rolling_restart(self):
        self.run_both()
        for number in self.nodes.numbers:
            say(f"SIGTERM node {number}")
            self.nodes.cluster.send(number, cluster.signal.SIGTERM)
            wait_for(lambda: not self.nodes.cluster.alive(number), 60, f"node {number} does not end")
            self.nodes.restart(number)
            self.all_in_sync()
        self.prove_complete()

    @in_all_rows
    def test_all_nodes_down(self):
        self.run_both()
        self.nodes.kill(*self.nodes.numbers)
        self.ours.run_for(OUTAGE_SECONDS)
        self.nodes.restart(*self.nodes.numbers)
        self.prove_complete()

    def test_quota(self):
        """A node says for how long it wants to hear nothing: until its quota has paid for what it got, so small batches.
        We obey (KIP-219); librdkafka makes a new connection, which is heard at once. So the pauses are told, not compared."""
        self.addCleanup(admin.produce_quota, self.port, None)
        self.run_both(batch_bytes=QUOTA_BATCH_BYTES)
        rate = SHAPE["rate"] * VALUE_BYTES // len(self.nodes.numbers) // 10  # Kafka takes no fraction
        say(f"quota: {rate} bytes a second and broker")
        admin.produce_quota(self.port, rate)
        self.ours.run_for(QUOTA_SECONDS)
        admin.produce_quota(self.port, None)
        ours, _ = self.prove_both(lambda _: self.ours.held_peak > SHAPE["rate"])
        self.assertEqual((ours["failed"], ours["unknown"]), (0, 0), ours)

    def knows_a_producer(self, topic):
        words = ("--bootstrap-server", self.nodes.bootstrap, "describe-producers", "--topic", topic, "--partition", "0")
        told = self.nodes.java("org.apache.kafka.tools.TransactionsCommand", *words, stdout=subprocess.PIPE, text=True)
        self.assertIn("ProducerId", told.stdout, told.stderr)
        return len(told.stdout.split("\n", 1)[1].split()) > 0

    def test_producer_id_expired(self):
        self.addCleanup(admin.setting, self.port, "producer.id.expiration.ms", None)
        self.run_both()
        self.assertTrue(self.knows_a_producer(self.topic))
        admin.setting(self.port, "producer.id.expiration.ms", str(EXPIRATION_MS))
        for load in (self.ours, self.rival):
            load.idle(True)
        self.ours.run_for(IDLE_SECONDS)
        for load in (self.ours, self.rival):
            self.assertFalse(self.knows_a_producer(load.topic), "the nodes have not forgotten the producer")
        self.since = now_ms()
        for load in (self.ours, self.rival):
            load.idle(False)
        ours, rival = self.prove_both(lambda _: True)  # it was: no node knows us
        self.assert_pause(ours, rival)
        self.assertEqual((ours["failed"], ours["unknown"]), (0, 0), ours)

    def test_topic_made_again(self):
        self.run_both()
        for load in (self.ours, self.rival):
            admin.delete_topic(self.port, load.topic)
        self.ours.run_for(TOPIC_AWAY_SECONDS)
        for load in (self.ours, self.rival):
            self.nodes.topic(load.topic, PARTITIONS)
        self.gone_before = now_ms()
        self.assert_pause(*self.prove_both(lambda report: report["topicless"] + report["batches_retried"] > 0))


class Page(unittest.TestCase):
    def test_the_page_has_a_row_for_each_trouble(self):
        tests = {name.removeprefix("test_") for name in dir(Matrix) if name.startswith("test_")}
        self.assertEqual(tests, set(reliability_page.NAMES))
        self.assertEqual(list(reliability_page.rows_of(reliability_page.PAGE)), list(reliability_page.NAMES.values()))


if __name__ == "__main__":
    unittest.main(verbosity=2)
