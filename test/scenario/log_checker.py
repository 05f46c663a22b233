"""Compares what the load was promised with what the topic holds. Knows neither the library nor a consumer.

check(accepted, fates, log) returns sentences, none if all is well:
  accepted  [records that caller 0, 1, … got accepted]; caller c's are numbered 0 to accepted[c] - 1
  fates     iterable of (caller, number, fate, partition, offset): every callback that ran; a delivered record has
            offset -1 if the broker only said that it holds it (DUPLICATE_SEQUENCE_NUMBER): that is counted
  log       iterable of (partition, offset, value) in the order of each partition
"""
import array
import collections
import struct
import zlib

DELIVERED, DROPPED, FAILED, UNKNOWN = range(4)
NAMES = ("delivered", "dropped", "failed", "unknown")
TOLD_MAX = 10  # sentences of one kind
ROW = struct.Struct("<QqihBBq")
OFFSET_BITS = 40
NONE = -1  # no fate yet


class Check:
    """One comparison. `counts` holds what was seen; `problems` what is wrong."""

    def __init__(self, accepted):
        self.accepted = accepted
        self.fate = [array.array("b", [NONE]) * count for count in accepted]
        self.place = [array.array("q", [NONE]) * count for count in accepted]
        self.seen = [bytearray(count) for count in accepted]
        self.counts = collections.Counter()
        self.told = collections.Counter()
        self.problems = []

    def complain(self, kind, sentence):
        self.told[kind] += 1
        if self.told[kind] <= TOLD_MAX:
            self.problems.append(f"{kind}: {sentence}")

    def take_fates(self, fates):
        for caller, number, fate, partition, offset in fates:
            if caller >= len(self.accepted) or number >= self.accepted[caller]:
                self.complain("a callback for nothing", f"record {caller}:{number} was never accepted")
            elif self.fate[caller][number] != NONE:
                self.complain("two callbacks", f"record {caller}:{number}")
            else:
                self.fate[caller][number] = fate
                self.place[caller][number] = place(partition, offset)
                self.counts[NAMES[fate]] += 1
                self.counts["without offset"] += fate == DELIVERED and offset < 0

    def take_log(self, log):
        last = {}  # (partition, caller): the number seen last
        for partition, offset, value in log:
            self.counts["read"] += 1
            caller, number, whole = parse(value)
            where = f"record {caller}:{number} at {partition}/{offset}"
            if not whole:
                self.complain("damaged", f"the value at {partition}/{offset} is {value[:60]!r}")
            elif caller >= len(self.accepted) or number >= self.accepted[caller]:
                self.complain("never accepted", where)
            else:
                self.take_record(caller, number, partition, offset, where)
                if number < last.get((partition, caller), -1):
                    self.complain("reordered", f"{where} stands behind number {last[partition, caller]}")
                last[partition, caller] = number

    def take_record(self, caller, number, partition, offset, where):
        fate = self.fate[caller][number]
        if self.seen[caller][number]:
            self.complain("doubled", where)
        elif fate in (DROPPED, FAILED):
            self.complain("contradicted", f"{where} was called {NAMES[fate]}")
        elif fate == DELIVERED and self.place[caller][number] not in (place(partition, offset), place(partition, -1)):
            told = self.place[caller][number]
            self.complain("misplaced", f"{where} was reported at {told >> OFFSET_BITS}/{told % (1 << OFFSET_BITS) - 1}")
        self.counts["read unknown"] += fate == UNKNOWN and not self.seen[caller][number]
        self.seen[caller][number] = 1

    def finish(self):
        for caller, count in enumerate(self.accepted):
            fates, seen = self.fate[caller], self.seen[caller]
            for number in range(count):
                if fates[number] == NONE:
                    self.complain("no callback", f"record {caller}:{number}")
                elif fates[number] == DELIVERED and not seen[number]:
                    self.complain("lost", f"record {caller}:{number} was called delivered")
        more = [f"{kind}: {count} in all" for kind, count in self.told.items() if count > TOLD_MAX]
        self.problems += more
        return self.problems


def place(partition, offset):
    """Both in one number of 8 bytes: an array of them costs little for millions of records."""
    return partition << OFFSET_BITS | offset + 1


def check(accepted, fates, log):
    one = Check(accepted)
    one.take_fates(fates)
    one.take_log(log)
    return one.finish()


def parse(value):
    """(caller, number, whether the value is as it was sent) of "caller:number:crc:padding"."""
    try:
        caller, number, crc, padding = value.split(b":", 3)
        return int(caller), int(number), int(crc) == zlib.crc32(padding)
    except ValueError:
        return -1, -1, False


def read_fates(path, gone_before=0):
    """What was delivered before `gone_before` (ms of CLOCK_MONOTONIC) went to a log that is no more: it need not be seen."""
    with open(path, "rb") as file:
        for number, offset, partition, _, fate, caller, when in ROW.iter_unpack(file.read()):
            yield caller, number, UNKNOWN if fate == DELIVERED and when < gone_before else fate, partition, offset
