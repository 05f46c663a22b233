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
    tls_ca = None
    nodes = 1
    keep_bytes = 64 << 20

    def __init__(self):
        self.scratch = scratch_folder()
        self.folder = f"{self.scratch.name}/cluster"
        configs = {"log.retention.check.interval.ms": 2000, **self.more_configs()}
        self.bootstrap = self.tool("start", "--nodes", str(self.nodes), "--owner", str(os.getpid()), "--jvm", JVM,
                                   *(w for name, value in configs.items() for w in ("--config", f"{name}={value}")),
                                   *self.more_words())
        self.topics = set()

    def more_configs(self):
        return {}

    def more_words(self):
        return ()

    def tool(self, *words):
        done = subprocess.run([sys.executable, CLUSTER, words[0], "--dir", self.folder, *words[1:]],
                              stdout=subprocess.PIPE, text=True)
        if done.returncode:
            raise RuntimeError(f"cluster.py {words[0]} failed")
        return done.stdout.strip()

    def topic(self, partitions):
        name = topic_for(partitions)
        if name not in self.topics:
            limits = (f"retention.bytes={self.keep_bytes}", f"segment.bytes={self.keep_bytes}", "file.delete.delay.ms=1000")
            self.tool("topic", name, "--partitions", str(partitions), *(w for c in limits for w in ("--config", c)))
            self.topics.add(name)
        return name

    def state(self):
        return json.loads((pathlib.Path(self.folder) / "state.json").read_text())

    def pids(self):
        return [node["pid"] for node in self.state()["nodes"]]

    def alive(self):
        return self.tool("status").endswith("up")

    def cpu_seconds(self):
        return sum(map(noise.process_seconds, self.pids()))

    def bytes_written(self):
        return sum(map(noise.process_bytes_written, self.pids()))

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


class TlsNode(KafkaNode):
    """The same node behind TLS 1.3 and one cipher suite, so that nobody is measured with another."""
    kind = "kafka-tls"

    def more_configs(self):
        self.tls_ca, keystore = f"{self.scratch.name}/authority.pem", f"{self.scratch.name}/keystore.pem"
        key = f"{self.scratch.name}/broker.key"
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2",
                        "-subj", "/CN=bench", "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", key, "-out", self.tls_ca],
                       check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        pathlib.Path(keystore).write_text(pathlib.Path(key).read_text() + pathlib.Path(self.tls_ca).read_text())
        return {"ssl.keystore.type": "PEM", "ssl.keystore.location": keystore, "ssl.enabled.protocols": "TLSv1.3",
                "ssl.cipher.suites": "TLS_AES_256_GCM_SHA384"}

    def more_words(self):
        return ("--listener", "SSL")

    def __init__(self):
        super().__init__()
        self.bootstrap = f"127.0.0.1:{self.state()['nodes'][0]['listeners']['SSL']}"


class ThreeNodes(KafkaNode):
    """Three nodes that share the machine; a topic is spread over them, one replica a partition."""
    kind = "kafka-3"
    nodes = 3
    keep_bytes = 1 << 20


class NullBroker:
    """`spillway dev-broker --null` in its own process: real TCP, every batch acknowledged, nothing stored."""
    kind = "null"
    warm = False
    tls_ca = None

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

    def bytes_written(self):
        return 0  # answers only

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


REAL = {"kafka": KafkaNode, "kafka-tls": TlsNode, "kafka-3": ThreeNodes}


class Brokers:
    """Starts each kind when it is first needed, and ends them all. One real cluster at a time: even an idle one costs CPU."""

    def __init__(self, build):
        self.build = build
        self.running = {}

    def get(self, kind):
        if kind not in self.running:
            for other in REAL.keys() & self.running.keys() if kind in REAL else ():
                self.running.pop(other).close()
            self.running[kind] = REAL[kind]() if kind in REAL else NullBroker(self.build)
        return self.running[kind]

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for broker in self.running.values():
            broker.close()
