#!/usr/bin/env python3
"""A real Apache Kafka on loopback for tests: N KRaft nodes that can be killed, paused and restarted.

  cluster.py start --nodes 3 --dir D [--owner PID]   prints the bootstrap line; the nodes go when PID goes
  cluster.py run --nodes 1 -- COMMAND...             starts, runs COMMAND with KAFKA_BOOTSTRAP and KAFKA_DIR set, stops
  cluster.py start --listener SSL --config K=V ...   one more port a node, named as its protocol (or NAME=PROTOCOL)
  cluster.py start --scram 'SCRAM-SHA-256=[name=N,password=P]' ...   users that the nodes know from their birth
  cluster.py topic NAME --partitions 6 --replication 3 --config retention.ms=-1 --dir D
  cluster.py kill|restart|pause|resume NODE... --dir D   (NODE: 1, 2, ... or all)
  cluster.py leader TOPIC PARTITION | status | stop --dir D

D holds the nodes' logs and state.json (pids, ports, folders); --dir may come from KAFKA_DIR instead. `stop` removes D.
"""
import argparse
import json
import os
import pathlib
import random
import select
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import uuid

import kafka_wire

HERE = pathlib.Path(__file__).resolve().parent
JVM = "-Xmx320m -Xms128m -XX:+UseSerialGC -XX:TieredStopAtLevel=1"  # start-up time counts, peak speed does not
READY_SECONDS = 120


def fail(sentence):
    sys.exit(f"cluster.py: {sentence}")


class Cluster:
    """state.json and what can be done with it. Nodes are numbered from 1."""

    def __init__(self, folder):
        self.folder = pathlib.Path(folder).resolve()
        self.file = self.folder / "state.json"
        self.state = json.loads(self.file.read_text()) if self.file.exists() else None

    def save(self):
        part = self.file.with_suffix(".part")
        part.write_text(json.dumps(self.state, indent=1))
        part.rename(self.file)

    def node(self, number):
        return self.state["nodes"][number - 1]

    def numbers(self):
        return range(1, len(self.state["nodes"]) + 1)

    def home(self, number):
        return self.folder / f"node{number}"

    def bootstrap(self, listener=None):
        """Of the plaintext listener, or of one that was asked for by name."""
        ports = [node["listeners"][listener] if listener else node["port"] for node in self.state["nodes"]]
        return ",".join(f"127.0.0.1:{port}" for port in ports)

    def create(self, count, owner, configs, jvm, listeners=(), users=()):
        self.folder.mkdir(parents=True, exist_ok=True)
        lib = subprocess.run([HERE / "fetch"], stdout=subprocess.PIPE, text=True)
        if lib.returncode:
            fail("Apache Kafka is not here and could not be fetched")
        ports = iter(free_ports((2 + len(listeners)) * count))
        nodes = [{"port": next(ports), "controller": next(ports), "pid": 0,
                  "listeners": {name: next(ports) for name, _ in listeners}} for _ in range(count)]
        self.state = {"owner": owner, "jvm": jvm.split(), "lib": lib.stdout.strip(), "nodes": nodes,
                      "protocols": dict(listeners)}
        self.save()
        for number in self.numbers():
            self.home(number).mkdir()
            (self.home(number) / "node.properties").write_text(properties(self, number, configs))
        self.format(users)

    def java(self, number, *arguments, **options):
        log = open(self.home(number) / "server.log", "ab")
        command = ["java", *self.state["jvm"], f"-Dlog4j2.configurationFile={HERE}/log4j2.properties",
                   "-cp", self.state["lib"] + "/*", *arguments]
        return subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                cwd=self.home(number), start_new_session=True, **options)

    def format(self, users):
        identity = str(uuid.uuid4())
        scram = [word for user in users for word in ("--add-scram", user)]
        tools = [self.java(n, "kafka.tools.StorageTool", "format", "-t", identity, "-c", self.properties_path(n), *scram)
                 for n in self.numbers()]
        for number, tool in zip(self.numbers(), tools):
            if tool.wait():
                fail(f"formatting node {number} failed:\n{self.log_tail(number)}")

    def properties_path(self, number):
        return str(self.home(number) / "node.properties")

    def log_tail(self, number):
        return "\n".join((self.home(number) / "server.log").read_text(errors="replace").splitlines()[-15:])

    def launch(self, number):
        self.node(number)["pid"] = self.java(number, "kafka.Kafka", self.properties_path(number)).pid
        self.save()
        # Right after exec the kernel shows an empty command line for an instant, as it does for a dead process.
        wait_until(lambda: self.alive(number), 5, lambda: f"node {number} did not start:\n{self.log_tail(number)}")
        if self.state["owner"] and not pathlib.Path(f"/proc/{self.state['owner']}").exists():
            self.stop()
            fail("the owner is gone")

    def alive(self, number):
        """True while the node's own process runs: a pid that was given to somebody else does not count."""
        try:
            command = pathlib.Path(f"/proc/{self.node(number)['pid']}/cmdline").read_bytes()
        except OSError:
            return False
        return self.properties_path(number).encode() in command

    def send(self, number, sign):
        if self.alive(number):
            os.kill(self.node(number)["pid"], sign)

    def kill(self, number):
        self.send(number, signal.SIGKILL)
        wait_until(lambda: not self.alive(number), 20, lambda: f"node {number} does not die")

    def wait_ready(self, numbers, brokers):
        """Until each of these nodes answers Metadata itself and knows of this many live brokers."""
        def ready(number):
            if not self.alive(number):
                fail(f"node {number} ended while starting:\n{self.log_tail(number)}")
            try:
                known = kafka_wire.metadata(self.node(number)["port"])[0]
            except OSError:
                return False
            return number in known and len(known) >= brokers

        for number in numbers:
            wait_until(lambda: ready(number), READY_SECONDS,
                       lambda: f"node {number} is not ready after {READY_SECONDS} s:\n{self.log_tail(number)}")

    def metadata(self):
        for node in self.state["nodes"]:
            try:
                return kafka_wire.metadata(node["port"])
            except OSError:
                continue
        fail("no node answers")

    def led(self, name, partitions):
        leaders = self.metadata()[1]  # once: a thousand partitions would ask a thousand times
        return all(leaders.get((name, index), -1) >= 0 for index in range(partitions))

    def topic(self, name, partitions, replication, configs):
        if not 0 < len(name) <= 249:
            fail("a topic's name has 1 to 249 characters")
        for number in self.numbers():
            try:
                refusal = kafka_wire.create_topic(self.node(number)["port"], name, partitions, replication, configs)
            except OSError:
                continue
            if refusal:
                fail(f"topic {name} was refused: {refusal}")
            return wait_until(lambda: self.led(name, partitions), 60,
                              lambda: f"topic {name} has partitions without a leader")
        fail("no node answers")

    def stop(self):
        for number in self.numbers():
            self.kill(number)
        shutil.rmtree(self.folder, ignore_errors=True)


def wait_until(condition, seconds, complaint):
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            fail(complaint())
        time.sleep(0.1)


def free_ports(count):
    """Ports below the range that the kernel gives to outgoing connections, so that a killed node finds its port again."""
    ports = []
    while len(ports) < count:
        port = random.randrange(20000, 32000)
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
        if port not in ports:
            ports.append(port)
    return ports


def properties(cluster, number, configs):
    node, count = cluster.node(number), len(cluster.state["nodes"])
    copies, in_sync = min(count, 3), 2 if count >= 3 else 1
    voters = ",".join(f"{n}@127.0.0.1:{cluster.node(n)['controller']}" for n in cluster.numbers())
    ports = {"PLAINTEXT": node["port"], **node["listeners"]}
    protocols = {"PLAINTEXT": "PLAINTEXT", "CONTROLLER": "PLAINTEXT", **cluster.state["protocols"]}
    addresses = ",".join(f"{name}://127.0.0.1:{port}" for name, port in ports.items())
    lines = {
        "process.roles": "broker,controller",
        "node.id": number,
        "controller.quorum.voters": voters,
        "controller.listener.names": "CONTROLLER",
        "listeners": f"{addresses},CONTROLLER://127.0.0.1:{node['controller']}",
        "advertised.listeners": addresses,
        "listener.security.protocol.map": ",".join(f"{name}:{value}" for name, value in protocols.items()),
        "log.dirs": cluster.home(number) / "data",
        "auto.create.topics.enable": "false",
        "min.insync.replicas": in_sync,
        "offsets.topic.replication.factor": copies,
        "offsets.topic.num.partitions": 4,
        "transaction.state.log.replication.factor": copies,
        "transaction.state.log.min.isr": in_sync,
        "transaction.state.log.num.partitions": 4,
        "group.initial.rebalance.delay.ms": 0,
        "broker.session.timeout.ms": 6000,
        "log.cleaner.dedupe.buffer.size": 4 << 20,  # the default, 128 MiB, is 40 % of this heap
        "log.segment.bytes": 64 << 20,
        "log.index.size.max.bytes": 1 << 20,
    }
    lines.update(configs)
    return "".join(f"{key}={value}\n" for key, value in lines.items())


def start(arguments):
    if arguments.version:
        os.environ["KAFKA_VERSION"] = arguments.version
    cluster = Cluster(arguments.dir)
    if cluster.state:
        fail(f"{cluster.file} exists already: stop that cluster first")
    cluster.create(arguments.nodes, arguments.owner, pairs(arguments.config), arguments.jvm,
                   [(word, word) if "=" not in word else tuple(word.split("=", 1)) for word in arguments.listener],
                   arguments.scram)
    if arguments.owner:
        subprocess.Popen([sys.executable, __file__, "watch", "--dir", cluster.folder], start_new_session=True,
                         stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        for number in cluster.numbers():
            cluster.launch(number)
        cluster.wait_ready(cluster.numbers(), arguments.nodes)
    except BaseException:
        cluster.stop()
        raise
    return cluster


def watch(cluster):
    """Outlives the owner by a moment: a test that crashed leaves no node behind."""
    try:
        owner = os.pidfd_open(cluster.state["owner"])
        while not select.select([owner], [], [], 1)[0]:
            if not cluster.file.exists():
                return
    except ProcessLookupError:
        pass
    cluster = Cluster(cluster.folder)  # a restarted node has a new pid
    if cluster.state:
        cluster.stop()


def run(arguments):
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    with tempfile.TemporaryDirectory(prefix="spillway-kafka.", ignore_cleanup_errors=True) as folder:
        arguments.dir, arguments.owner = folder + "/cluster", os.getpid()
        cluster = start(arguments)
        try:
            environment = dict(os.environ, KAFKA_BOOTSTRAP=cluster.bootstrap(), KAFKA_DIR=str(cluster.folder),
                               **{f"KAFKA_BOOTSTRAP_{name}": cluster.bootstrap(name) for name in cluster.state["protocols"]})
            return subprocess.run(arguments.command, env=environment).returncode
        finally:
            Cluster(cluster.folder).stop()


def status(cluster):
    for number in cluster.numbers():
        node = cluster.node(number)
        print(f"node {number}  127.0.0.1:{node['port']}  pid {node['pid']}  {'up' if cluster.alive(number) else 'down'}")


def pairs(options):
    return [tuple(option.split("=", 1)) for option in options]


def parse():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="action", required=True)

    def add(name, *positional):
        command = commands.add_parser(name)
        command.add_argument("--dir", default=os.environ.get("KAFKA_DIR"), help="the cluster's folder")
        for argument, options in positional:
            command.add_argument(argument, **options)
        return command

    setting = ("--config", dict(action="append", default=[], metavar="KEY=VALUE"))
    listener = ("--listener", dict(action="append", default=[], metavar="NAME[=PROTOCOL]"))
    scram = ("--scram", dict(action="append", default=[], metavar="SCRAM-SHA-256=[name=N,password=P]"))
    version = ("--version", dict(default="", help="of Apache Kafka; the default is the one of pom.xml"))
    nodes = version, ("--nodes", dict(type=int, default=1)), ("--jvm", dict(default=JVM)), setting, listener, scram
    add("start", *nodes, ("--owner", dict(type=int, default=0)))
    add("run", *nodes, ("command", dict(nargs="+")))
    add("topic", ("name", {}), ("--partitions", dict(type=int, default=1)),
        ("--replication", dict(type=int, default=1)), setting)
    add("leader", ("topic", {}), ("partition", dict(type=int)))
    for name in ("kill", "restart", "pause", "resume"):
        add(name, ("node", dict(nargs="+")))
    for name in ("stop", "status", "watch"):
        add(name)
    return parser.parse_args()


def act_on_nodes(cluster, action, words):
    numbers = list(cluster.numbers()) if words == ["all"] else [int(word) for word in words if word.isdigit()]
    if len(numbers) < len(words) or not set(numbers) <= set(cluster.numbers()):
        fail(f"nodes are numbered 1 to {len(cluster.numbers())}, or all; not {' '.join(words)}")
    for number in numbers:
        if action in ("kill", "restart"):
            cluster.kill(number)
        if action == "restart":
            cluster.launch(number)
        if action in ("pause", "resume"):
            cluster.send(number, signal.SIGSTOP if action == "pause" else signal.SIGCONT)
    if action == "restart":
        cluster.wait_ready(numbers, 1)


def main():
    arguments = parse()
    if arguments.action == "run":
        return run(arguments)
    if not arguments.dir:
        fail("give --dir FOLDER or set KAFKA_DIR")
    if arguments.action == "start":
        print(start(arguments).bootstrap())
        return 0
    cluster = Cluster(arguments.dir)
    if not cluster.state:
        fail(f"no cluster in {cluster.folder}")
    if arguments.action == "topic":
        cluster.topic(arguments.name, arguments.partitions, arguments.replication, pairs(arguments.config))
    elif arguments.action == "leader":
        print(cluster.metadata()[1].get((arguments.topic, arguments.partition), -1))
    elif arguments.action in ("stop", "status", "watch"):
        {"stop": Cluster.stop, "status": status, "watch": watch}[arguments.action](cluster)
    else:
        act_on_nodes(cluster, arguments.action, arguments.node)
    return 0


if __name__ == "__main__":
    sys.exit(main())
