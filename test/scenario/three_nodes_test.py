#!/usr/bin/env python3
"""Three real nodes, replication 3, two in sync: whatever dies, what was accepted arrives once and in order."""
import unittest

from nodes import ScenarioTest, cluster, say

PARTITIONS = 6
OUTAGE_SECONDS = 30
FREEZE_SECONDS = 12  # longer than the load's request timeout and than the controller's patience


class ThreeNodes(ScenarioTest):
    def setUp(self):
        super().setUp()
        self.nodes.heal()
        self.topic = self.name.replace("_", "-")
        self.nodes.topic(self.topic, PARTITIONS)

    def prove_through_fault(self, load):
        self.prove(load)
        self.assertGreater(self.report["batches_retried"], 0, "the fault was not felt, so nothing was proven")

    def test_leader_killed_twice(self):
        load = self.load(self.topic, partitions=PARTITIONS)
        load.wait_for_more()
        for _ in range(2):
            dead = self.nodes.leader(self.topic)
            self.nodes.kill(dead)
            say(f"node {self.nodes.wait_for_leader_other_than(dead, self.topic)} leads {self.topic}/0")
            load.wait_for_more()
            self.nodes.restart(dead)
            load.wait_for_more()
        self.prove_through_fault(load)

    def test_all_nodes_down(self):
        load = self.load(self.topic, partitions=PARTITIONS)
        load.wait_for_more()
        self.nodes.kill(*self.nodes.numbers)
        load.run_for(OUTAGE_SECONDS)
        filled = load.progress
        self.nodes.restart(*self.nodes.numbers)
        load.wait_for_more(filled["held"])
        self.prove_through_fault(load)
        self.assertGreaterEqual(filled["level"], 3, f"the outage has filled the memory: {filled}")

    def test_leader_frozen(self):
        load = self.load(self.topic, partitions=PARTITIONS)
        load.wait_for_more()
        frozen = self.nodes.leader(self.topic)
        say(f"SIGSTOP node {frozen}")
        self.nodes.cluster.send(frozen, cluster.signal.SIGSTOP)
        load.run_for(FREEZE_SECONDS)
        say(f"SIGCONT node {frozen}")
        self.nodes.cluster.send(frozen, cluster.signal.SIGCONT)
        load.wait_for_more()
        load.run_for(2)  # what the thawed node still answers
        load.wait_for_more()
        self.prove_through_fault(load)


if __name__ == "__main__":
    unittest.main(verbosity=2)
