"""Runs one bench client once and brings back its JSON line together with the noise around it."""
import json
import os
import pathlib
import shlex
import shutil
import signal
import subprocess
import threading
import time

from measure import noise, payload

RSS_LIMIT = 4 << 30  # a client that is not bounded is stopped here, and the row says so
PROGRAMS = {"probe": "probe", "spillway": "spillway_bench", "librdkafka": "librdkafka_bench",
            "franz-go": "franz_go_bench", "java": "java_bench.py"}
SCRIPTS = pathlib.Path(__file__).resolve().parents[1] / "rivals"
LINES = "payload-lines.txt"  # beside the programs


class Missing(Exception):
    """The client was not built."""


def command_for(build, client, broker, arguments):
    program = (SCRIPTS if client == "java" else build / "bench") / PROGRAMS[client]
    if not program.exists():
        raise Missing(f"{program.name} is not built")
    if client == "java" and not shutil.which("java"):
        raise Missing("there is no java")
    partitions = arguments.get("partitions", 4)
    words = [str(program), "--bootstrap", broker.bootstrap, "--topic", broker.topic(partitions),
             "--partitions", str(partitions)]
    for name, value in arguments.items():
        if name == "payload-file":
            value = payload.write(build / "bench" / value)
        if name != "partitions":
            words += [f"--{name}", str(value)]
    return words + (["--tls-ca", broker.tls_ca] if broker.tls_ca else [])


def shown(command, broker):
    """The command as a reader can repeat it."""
    names = {broker.bootstrap: "$BOOTSTRAP", broker.tls_ca: "$AUTHORITY"}
    return " ".join([pathlib.Path(command[0]).name, *(names.get(word) or shlex.quote(word) for word in command[1:])])


class Watchdog:
    """Ends the client when it grows past RSS_LIMIT or takes too long; `verdict` says which."""

    def __init__(self, process, seconds):
        self.process, self.deadline, self.verdict = process, time.monotonic() + seconds, ""
        self.over = threading.Event()
        self.rss_peak = 0
        self.thread = threading.Thread(target=self.watch, daemon=True)
        self.thread.start()

    def watch(self):
        while not self.over.wait(0.02):
            self.rss_peak = max(self.rss_peak, self.rss())
            if self.rss_peak > RSS_LIMIT:
                self.verdict = f"stopped at {RSS_LIMIT >> 30} GiB"
            elif time.monotonic() > self.deadline:
                self.verdict = "did not end"
            if self.verdict:
                return os.kill(self.process.pid, signal.SIGKILL)  # Popen.kill might reap it before wait4

    def rss(self):
        try:
            with open(f"/proc/{self.process.pid}/statm") as pages:
                return int(pages.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
        except (OSError, IndexError):
            return 0

    def stop(self):
        self.over.set()
        self.thread.join()


def talk(process, actions):
    """Answers each event line by its action and an empty line; returns the last line and the events."""
    events = {}
    for line in process.stdout:
        event = json.loads(line)
        if "event" not in event:
            return event, events
        events[event["event"]] = event
        actions[event["event"]]()
        process.stdin.write("\n")
        process.stdin.flush()
    return None, events


def run(build, client, broker, arguments, actions=None, preload=None, seconds=300):
    """One run. The answer has the client's fields, `others_percent` of one core, `broker_cpu_ns_per_record`, and
    `trouble` if the run is not to be trusted."""
    command = command_for(build, client, broker, arguments) + (["--steered"] if actions else [])
    environment = dict(os.environ, LD_PRELOAD=str(preload)) if preload else None
    wall, busy, broker_cpu = time.monotonic(), noise.busy_seconds(), broker.cpu_seconds()
    written = broker.bytes_written()
    process = subprocess.Popen(command, stdin=subprocess.PIPE if actions else subprocess.DEVNULL, text=True,
                               stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment)
    watchdog = Watchdog(process, seconds)
    try:
        result, events = talk(process, actions or {})
    except (BrokenPipeError, json.JSONDecodeError):
        result, events = None, {}
    complaint = process.stderr.read().strip()
    watchdog.stop()
    _, status, use = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    wall, broker_cpu = time.monotonic() - wall, broker.cpu_seconds() - broker_cpu
    answer = result or {"client": client, "rss_peak": watchdog.rss_peak}
    answer.update(command=shown(command, broker), events=events)
    others = noise.busy_seconds() - busy - use.ru_utime - use.ru_stime - max(broker_cpu, 0)
    answer["others_percent"] = max(0.0, 100 * others / wall)
    if broker_cpu > 0 and answer.get("delivered"):
        answer["broker_cpu_ns_per_record"] = broker_cpu * 1e9 / answer["delivered"]
    written = broker.bytes_written() - written
    if written > 0 and answer.get("delivered"):
        answer["broker_bytes_per_record"] = written / answer["delivered"]
    if process.returncode != 0:
        answer["trouble"] = watchdog.verdict or complaint or f"exit code {process.returncode}"
    return answer
