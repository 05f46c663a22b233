"""How long a partition got nothing delivered, from the rows that a load writes.

A pause lies between two deliveries to a partition, or between one and an end of the time that is looked at. Times are
ms of CLOCK_MONOTONIC, as time.monotonic() has them."""
import collections

import log_checker


def deliveries(path):
    """{partition: [ms of each delivery, rising]}"""
    times = collections.defaultdict(list)
    with open(path, "rb") as file:
        for _, _, partition, _, fate, _, when in log_checker.ROW.iter_unpack(file.read()):
            if fate == log_checker.DELIVERED:
                times[partition].append(when)
    return {partition: sorted(rows) for partition, rows in times.items()}


def longest(times, start, end):
    inside = [start, *(when for when in times if start < when < end), end]
    return max(after - before for before, after in zip(inside, inside[1:]))


def longest_of_each(path, partitions, start, end):
    """[ms for partition 0, 1, …]"""
    times = deliveries(path)
    return [longest(times.get(partition, []), start, end) for partition in range(partitions)]
