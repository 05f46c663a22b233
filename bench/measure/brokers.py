"""What the clients talk to: a real Apache Kafka node, or the embedded broker that acknowledges and forgets."""
import json
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

from measure import noise

ROOT = pathlib.Path(__file__).resolve().parents[2]
CLUSTER = ROOT / "tools" / "kafka" / "cluster.py"
# Peak speed counts here, unlike in tests: the optimising compiler stays on.
JVM = "-Xmx512m -Xms512m -XX:+UseSerialGC"
PARTITIONS = (1, 4, 10, 100, 1000)
READY_SECONDS = 30


def topic_for(partitions):
    return f"bench-{partitions}"


def scratch_folder():
    """Logs go to memory when there is room for them: the disk is not what is measured."""
    memory = pathlib.Path("/dev/shm")
    roomy = memory.is_dir() and shutil.disk_usage(memory).free > 6 << 30
    return tempfile.TemporaryDirectory(prefix="spillway-bench.", dir=memory if roomy else None,
                                       ignore_cleanup_errors=True)


class KafkaNode:
    """One Apache Kafka node. Topics keep about 64 MiB a partition."""
    kind = "kafka"
    warm = False

    def __init__(self):
        self.scratch = scratch_folder()
        self.folder = f"{self.scratch.name}/cluster"
        self.bootstrap = self.tool("start", "--nodes", "1", "--owner", str(os.getpid()), "--jvm", JVM,
                                   "--config", "log.retention.check.interval.ms=2000")
        self.topics = set()

    def tool(self, *words):
        done = subprocess.run([sys.executable, CLUSTER, words[0], "--dir", self.folder, *words[1:]],
                              stdout=subprocess.PIPE, text=True)
        if done.returncode:
            raise RuntimeError(f"cluster.py {words[0]} failed")
        return done.stdout.strip()

    def topic(self, partitions):
        name = topic_for(partitions)
        if name not in self.topics:
            limits = ("retention.bytes=67108864", "segment.bytes=67108864", "file.delete.delay.ms=1000")
            self.tool("topic", name, "--partitions", str(partitions), *(w for c in limits for w in ("--config", c)))
            self.topics.add(name)
        return name

    def pid(self):
        state = json.loads((pathlib.Path(self.folder) / "state.json").read_text())
        return state["nodes"][0]["pid"]

    def alive(self):
        return self.tool("status").endswith("up")

    def cpu_seconds(self):
        return noise.process_seconds(self.pid())

    def freeze(self):
        self.tool("pause", "1")

    def thaw(self):
        self.tool("resume", "1")

    def kill(self):
        self.tool("kill", "1")

    def restart(self):
        self.tool("restart", "1")

    def close(self):
        self.tool("stop")
        self.scratch.cleanup()


class NullBroker:
    """`spillway dev-broker --null` in its own process: real TCP, every batch acknowledged, nothing stored."""
    kind = "null"
    warm = False

    def __init__(self, build):
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.bootstrap = f"127.0.0.1:{self.port}"
        topics = [word for p in PARTITIONS for word in ("--topic", f"{topic_for(p)}:{p}")]
        self.command = [str(build / "spillway"), "dev-broker", "--listen", self.bootstrap, *topics, "--null"]
        self.restart()

    def restart(self):
        self.process = subprocess.Popen(self.command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                        stderr=subprocess.PIPE, text=True)
        deadline = time.monotonic() + READY_SECONDS
        while time.monotonic() < deadline:
            if self.process.poll() is not None:
                raise RuntimeError(f"dev-broker ended: {self.process.stderr.read().strip()}")
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", self.port)) == 0:
                    return
            time.sleep(0.05)
        raise RuntimeError("dev-broker does not listen")

    def topic(self, partitions):
        return topic_for(partitions)

    def alive(self):
        return self.process.poll() is None

    def cpu_seconds(self):
        return noise.process_seconds(self.process.pid)

    def freeze(self):
        self.process.send_signal(signal.SIGSTOP)

    def thaw(self):
        self.process.send_signal(signal.SIGCONT)

    def kill(self):
        self.process.kill()
        self.process.wait()
        self.process.stderr.close()

    def close(self):
        self.kill()


class Brokers:
    """Starts each kind when it is first needed, and ends them all."""

    def __init__(self, build):
        self.build = build
        self.running = {}

    def get(self, kind):
        if kind not in self.running:
            self.running[kind] = KafkaNode() if kind == "kafka" else NullBroker(self.build)
        return self.running[kind]

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for broker in self.running.values():
            broker.close()
