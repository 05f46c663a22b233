#!/usr/bin/python3
"""The Java client under the harness's command line: Apache Kafka's own ProducerPerformance, set up as its documentation advises.

Its loop is not ours: values are picked from the payload file at random, no key, null or round-robin partitioner. The CPU is
that of the whole Java process: start of the virtual machine, compilation and garbage collection are in it.
"""
import argparse
import collections
import json
import os
import pathlib
import re
import subprocess
import sys
import time

KAFKA = pathlib.Path(__file__).resolve().parents[2] / "tools" / "kafka"
# What Kafka's own scripts give to this tool.
JVM = ("-Xmx512M", "-server", "-XX:+UseG1GC", "-XX:MaxGCPauseMillis=20", "-XX:InitiatingHeapOccupancyPercent=35",
       "-XX:+ExplicitGCInvokesConcurrent")
WINDOW = re.compile(r"^(\d+) records sent, ([\d.]+) records/sec")
TICKS = os.sysconf("SC_CLK_TCK")


def parse():
    parser = argparse.ArgumentParser(description=__doc__)
    for name in ("bootstrap", "topic", "records", "payload-file"):
        parser.add_argument(f"--{name}", required=True)
    parser.add_argument("--partitions", help="of the topic; not used")
    parser.add_argument("--spread", default="sticky", choices=("sticky", "round_robin"))
    parser.add_argument("--linger-ms", default="5")
    parser.add_argument("--memory-bytes", default=str(64 << 20))
    parser.add_argument("--batch-bytes", default="1000000")
    parser.add_argument("--compression", default="none")
    parser.add_argument("--tls-ca")
    return parser.parse_args()


def properties(wanted):
    lines = {"bootstrap.servers": wanted.bootstrap, "acks": "all", "enable.idempotence": "true",
             "linger.ms": wanted.linger_ms, "batch.size": wanted.batch_bytes, "buffer.memory": wanted.memory_bytes,
             "compression.type": wanted.compression}
    if wanted.spread == "round_robin":
        lines["partitioner.class"] = "org.apache.kafka.clients.producer.RoundRobinPartitioner"
    if wanted.tls_ca:
        lines |= {"security.protocol": "SSL", "ssl.truststore.type": "PEM", "ssl.truststore.location": wanted.tls_ca}
    return [f"{name}={value}" for name, value in lines.items()]


def command(wanted, lib):
    return ["setpriv", "--pdeathsig", "KILL",  # becomes java, and ends with us
            "java", *JVM, f"-Dlog4j2.configurationFile={KAFKA}/log4j2.properties", "-cp", f"{lib}/*",
            "org.apache.kafka.tools.ProducerPerformance", "--topic", wanted.topic, "--num-records", wanted.records,
            "--throughput", "-1", "--payload-file", wanted.payload_file, "--producer-props", *properties(wanted)]


def cpu_seconds(pid):
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def follow(process):
    """The tool tells what it did every 5 s and in the end. Returns (first, last, what else it said last); the first two are
    (time, CPU so far, records, rate)."""
    first, last, said = None, None, collections.deque(maxlen=20)
    for line in process.stdout:
        told = WINDOW.match(line)
        if not told:
            said.append(line)
        elif "99th" in line:
            last = (time.monotonic(), 0, int(told[1]), float(told[2]))
        elif first is None:
            first = (time.monotonic(), cpu_seconds(process.pid), int(told[1]), float(told[2]))
    return first, last, said


def report(version, wanted, first, last, use):
    ended, _, records, rate = last
    cpu = use.ru_utime + use.ru_stime
    answer = {"client": f"java {version}", "accepted": int(wanted.records), "delivered": records,
              "seconds": records / rate, "records_per_second": rate, "cpu_ns_per_record": cpu * 1e9 / records,
              "cpu_user_seconds": use.ru_utime, "cpu_system_seconds": use.ru_stime, "rss_peak": use.ru_maxrss * 1024}
    if first and records - first[2] > records // 4:
        rest = records - first[2]
        answer |= {"records_per_second": rest / (ended - first[0]), "cpu_ns_per_record_steady": (cpu - first[1]) * 1e9 / rest,
                   "start_up_percent": 100 * max(0.0, 1 - (cpu - first[1]) / rest * records / cpu)}
    return answer


def main():
    wanted = parse()
    fetched = subprocess.run([KAFKA / "fetch"], stdout=subprocess.PIPE, text=True)
    if fetched.returncode:
        return "java_bench: Apache Kafka is not here and could not be fetched"
    lib = fetched.stdout.strip()
    process = subprocess.Popen(command(wanted, lib), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                               stderr=subprocess.STDOUT, text=True)
    first, last, said = follow(process)
    _, status, use = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    refused = any("Exception" in line for line in said)  # the tool prints the error of a record and goes on
    if refused or process.returncode or last is None or last[2] != int(wanted.records):
        sys.stderr.writelines(said)
        return f"java_bench: exit code {process.returncode}, {last[2] if last else 'no'} of {wanted.records} records acknowledged"
    print(json.dumps(report(pathlib.Path(lib).parent.name.removeprefix("kafka-"), wanted, first, last, use)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
