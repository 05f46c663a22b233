#!/usr/bin/env python3
"""The checker is shown what it must find: a record lost, doubled, reordered, misplaced, damaged, and fates that lie."""
import tempfile
import unittest
import zlib

import pauses
from log_checker import DELIVERED, FAILED, ROW, UNKNOWN, check, read_fates


def value(caller, number):
    return b"%d:%d:%d:pad" % (caller, number, zlib.crc32(b"pad"))


class Checker(unittest.TestCase):
    """Two callers, three records each, in partitions 0 and 1 (of the same number as the caller)."""

    def setUp(self):
        self.accepted = [3, 3]
        self.fates = [(c, n, DELIVERED, c, n) for c in (0, 1) for n in range(3)]
        self.log = [(c, n, value(c, n)) for c in (0, 1) for n in range(3)]

    def problems(self):
        return check(self.accepted, self.fates, self.log)

    def assert_only(self, kind):
        found = self.problems()
        self.assertEqual([sentence.split(":")[0] for sentence in found], [kind], found)

    def test_a_log_as_promised_has_no_problem(self):
        self.assertEqual(self.problems(), [])

    def test_a_lost_record_is_found(self):
        del self.log[4]
        self.assert_only("lost")

    def test_a_doubled_record_is_found_whether_near_or_far(self):
        self.log.append((1, 3, value(1, 2)))
        self.assert_only("doubled")

    def test_a_doubled_record_in_another_partition_is_found(self):
        self.log.append((2, 0, value(1, 2)))
        self.assert_only("doubled")

    def test_two_records_that_changed_places_are_found(self):
        self.log[0:2] = [(0, 0, value(0, 1)), (0, 1, value(0, 0))]
        self.fates[0:2] = [(0, 0, DELIVERED, 0, 1), (0, 1, DELIVERED, 0, 0)]
        self.assert_only("reordered")

    def test_an_offset_that_was_reported_wrongly_is_found(self):
        self.fates[1] = (0, 1, DELIVERED, 0, 7)
        self.assert_only("misplaced")

    def test_a_partition_that_was_reported_wrongly_is_found(self):
        self.fates[1] = (0, 1, DELIVERED, 1, 1)
        self.assert_only("misplaced")

    def test_a_damaged_value_is_found(self):
        self.log[5] = (1, 2, value(1, 2) + b"x")
        self.assertEqual({sentence.split(":")[0] for sentence in self.problems()}, {"damaged", "lost"})

    def test_a_record_that_nobody_accepted_is_found(self):
        self.log.append((0, 3, value(0, 3)))
        self.assert_only("never accepted")

    def test_a_record_called_failed_must_not_be_in_the_log(self):
        self.fates[5] = (1, 2, FAILED, 1, -1)
        self.assert_only("contradicted")

    def test_an_unknown_record_may_be_there_or_not_but_not_twice(self):
        self.fates[5] = (1, 2, UNKNOWN, 1, -1)
        self.assertEqual(self.problems(), [])
        self.log.append((1, 3, value(1, 2)))
        self.assert_only("doubled")
        del self.log[5:]
        self.assertEqual(self.problems(), [])

    def test_a_missing_callback_is_found(self):
        del self.fates[0]
        self.assert_only("no callback")

    def test_a_second_callback_is_found(self):
        self.fates.append(self.fates[0])
        self.assert_only("two callbacks")

    def test_without_an_offset_the_partition_still_counts(self):
        self.fates[2] = (0, 2, DELIVERED, 0, -1)
        self.assertEqual(self.problems(), [])
        self.fates[2] = (0, 2, DELIVERED, 1, -1)
        self.assert_only("misplaced")


class Rows(unittest.TestCase):
    """What is read from the file that a load writes."""

    def setUp(self):
        #            number offset partition error fate caller when
        self.rows = [(0, 0, 0, 0, DELIVERED, 0, 1000), (1, 1, 0, 0, DELIVERED, 0, 1700), (2, -1, 0, 7, FAILED, 0, 2400),
                     (3, 0, 1, 0, DELIVERED, 0, 1500), (4, 2, 0, 0, DELIVERED, 0, 3000)]
        file = tempfile.NamedTemporaryFile()
        self.addCleanup(file.close)
        file.write(b"".join(ROW.pack(*row) for row in self.rows))
        file.flush()
        self.path = file.name

    def test_what_was_delivered_to_a_log_that_is_gone_need_not_be_seen(self):
        self.assertEqual([row[2] for row in read_fates(self.path, 1600)], [UNKNOWN, DELIVERED, FAILED, UNKNOWN, DELIVERED])
        self.assertEqual([row[2] for row in read_fates(self.path)], [row[4] for row in self.rows])

    def test_a_pause_ends_with_a_delivery_and_with_nothing_else(self):
        self.assertEqual(pauses.longest_of_each(self.path, 1, 900, 3100), [1300])

    def test_a_pause_reaches_to_the_ends_of_the_time(self):
        self.assertEqual(pauses.longest_of_each(self.path, 3, 1200, 3800), [1300, 2300, 2600])


if __name__ == "__main__":
    unittest.main()
