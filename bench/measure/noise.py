"""How quiet the machine was: processor time of neither the client nor its broker, and a cache line's round trip."""
import json
import os
import subprocess

TICKS = os.sysconf("SC_CLK_TCK")


def busy_seconds():
    """Processor time of the whole machine so far, stolen time included."""
    with open("/proc/stat") as stat:
        user, nice, system, _idle, _wait, irq, soft_irq, steal = map(int, stat.readline().split()[1:9])
    return (user + nice + system + irq + soft_irq + steal) / TICKS


def process_seconds(pid):
    """User and system time of one live process, its finished children excluded."""
    try:
        with open(f"/proc/{pid}/stat") as stat:
            fields = stat.read().rsplit(")", 1)[1].split()
    except OSError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) / TICKS


def process_bytes_written(pid):
    """Bytes that one live process gave to write() and its relatives, files and sockets alike."""
    try:
        with open(f"/proc/{pid}/io") as lines:
            return int(dict(line.split(": ") for line in lines)["wchar"])
    except OSError:
        return 0


def ping_pong(build):
    """{"ping_pong_ns": median, "ping_pong_ns_max": largest of 20 samples}."""
    answer = subprocess.run([build / "bench" / "ping_pong"], stdout=subprocess.PIPE, text=True)
    return json.loads(answer.stdout) if answer.returncode == 0 else {}
