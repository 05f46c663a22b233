#!/usr/bin/env python3
"""The goals must notice a bad number, and the report must not print a run that had trouble."""
import pathlib
import sys
import tempfile
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
from measure import brokers, engine, goals, groups, report  # noqa: E402  the path comes first


class Scale:
    rounds, records, seconds, outage_seconds, quiet_seconds, settle_seconds, sizes = 3, 1, 10, 60, 10, 30, (100,)


def cost_case(spillway, probe, librdkafka=700.0):
    case = groups.null(Scale)[0]
    for client, numbers in (("spillway", spillway), ("probe", probe), ("librdkafka", [librdkafka] * 3)):
        case.row(client).results = [{"client": client, "command": client, "cpu_ns_per_record": n,
                                     "records_per_second": 1e9 / n} for n in numbers]
    return case


def verdict(cases, start):
    return next(goal for goal in goals.goals_of(cases) if goal.sentence.startswith(start))


class Goals(unittest.TestCase):
    def test_a_ratio_under_its_limit_is_met(self):
        self.assertTrue(verdict([cost_case([70, 71, 72], [40, 40, 40])], "null broker: CPU per 100 B").met)

    def test_a_ratio_over_its_limit_is_missed(self):
        self.assertFalse(verdict([cost_case([90, 91, 92], [40, 40, 40])], "null broker: CPU per 100 B").met)

    def test_a_speed_below_its_limit_is_missed(self):
        self.assertFalse(verdict([cost_case([200, 200, 200], [40, 40, 40])], "M records/s").met)

    def test_ratios_are_taken_inside_a_round(self):
        case = cost_case([100, 200, 300], [50, 100, 150])  # the machine got slower: the ratio did not
        self.assertEqual(case.ratio("spillway"), 2)

    def test_what_was_not_measured_is_not_a_goal_met(self):
        case = groups.null(Scale)[0]
        self.assertEqual(goals.goals_of([case]), [])

    def test_a_ring_that_is_slow_with_some_callers_is_missed(self):
        case = groups.micro(Scale)[0]
        for callers, speed in ((1, 100e6), (8, 50e6)):
            results = [{"client": "spillway", "command": "", "items_per_second": speed}]
            case.rows.append(engine.Row(f"ring: HandOff/{callers}", "spillway", {}, results=results))
        self.assertFalse(verdict([case], "ring: ns per record").met)

    def test_a_rival_that_is_ahead_in_one_daily_row_is_named(self):
        case = groups.tls(Scale)[0]
        for client, cost in (("spillway", 700.0), ("librdkafka", 600.0), ("java", 900.0)):
            case.row(client).results = [{"client": client, "command": "", "cpu_ns_per_record": cost + 90,
                                         "cpu_ns_per_record_steady": cost, "records_per_second": 1e6}]
        self.assertFalse(verdict([case], f"{case.title}: CPU per record after warm-up ÷ librdkafka").met)
        self.assertTrue(verdict([case], f"{case.title}: CPU per record after warm-up ÷ java").met)
        del case.row("java").results[0]["cpu_ns_per_record_steady"]
        self.assertFalse([goal for goal in goals.goals_of([case]) if "java" in goal.sentence])

    def test_a_pool_over_its_budget_is_missed(self):
        case = groups.rss(Scale)[0]
        case.row("spillway block 100 B").results = [{
            "client": "spillway", "command": "", "rss_peak": 70 << 20, "rss_settled": 9 << 20, "memory_budget": 64 << 20,
            "memory_used_peak": (64 << 20) + 1}]
        self.assertFalse(verdict([case], "outages: pool peak").met)
        self.assertTrue(verdict([case], "outages: peak RSS").met)


class Report(unittest.TestCase):
    def test_a_run_with_trouble_is_named_and_left_out(self):
        case = cost_case([70, 71, 72], [40, 40, 40])
        case.row("spillway").results[0]["trouble"] = "exit code 1"
        self.assertEqual(case.row("spillway").values("cpu_ns_per_record"), [71, 72])
        with tempfile.TemporaryDirectory() as folder:
            how = {"command": "x", "started": "now", "minutes": 1.0}
            report.write(pathlib.Path(folder), [case], {}, how)
            text = (pathlib.Path(folder) / "report.md").read_text()
        self.assertIn("1 of 3 runs left out: exit code 1", text)

    def test_every_row_of_every_group_has_a_way_to_be_run(self):
        for group in groups.GROUPS.values():
            for case in group(Scale):
                self.assertIn(case.broker, ("null", "none", *brokers.REAL))
                for row in case.rows:
                    self.assertIn(row.client, engine.clients.PROGRAMS)


if __name__ == "__main__":
    unittest.main()
