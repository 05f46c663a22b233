"""Readers that share no code with us or with each other: librdkafka (kcat), Java and kafka-python. Each gives the values of a
topic in the order of the log."""
import pathlib
import subprocess

HERE = pathlib.Path(__file__).resolve().parent
PATIENCE = 60


def kcat(nodes, topic, count):
    command = ["kcat", "-C", "-q", "-e", "-b", nodes.bootstrap, "-t", topic, "-o", "beginning", "-X", "check.crcs=true",
               "-f", "%S %s\n"]
    return split(subprocess.run(command, stdout=subprocess.PIPE, check=True, timeout=PATIENCE).stdout)


def split(data):
    values, at = [], 0
    while at < len(data):
        space = data.index(b" ", at)
        end = space + 1 + int(data[at:space])
        values.append(data[space + 1:end])
        at = end + 1
    return values


def java(nodes, topic, count):
    """The console consumer prints a value a line, so the values of a test hold none."""
    result = nodes.java("org.apache.kafka.tools.consumer.ConsoleConsumer", "--bootstrap-server", nodes.bootstrap, "--topic",
                        topic, "--from-beginning", "--max-messages", str(count), "--timeout-ms", "30000",
                        stdout=subprocess.PIPE)
    assert result.returncode == 0, result.stderr
    return result.stdout.splitlines()


def python(nodes, topic, count):
    """Debian's python3-kafka, whatever Python runs the tests."""
    command = ["/usr/bin/python3", str(HERE / "python_reader.py"), nodes.bootstrap, topic, str(count)]
    return split(subprocess.run(command, stdout=subprocess.PIPE, check=True, timeout=PATIENCE).stdout)


def codecs_in_log(nodes, topic):
    """The codec of each batch as the broker's own tool reads it from the segment."""
    segment = next(iter(nodes.cluster.home(1).rglob(f"{topic}-0/*.log")))
    result = nodes.java("kafka.tools.DumpLogSegments", "--files", str(segment), stdout=subprocess.PIPE)
    assert result.returncode == 0, result.stderr
    words = result.stdout.decode().split()
    return [words[i + 1] for i, word in enumerate(words) if word == "compresscodec:"]


ALL = {"kcat": kcat, "java": java, "kafka-python": python}
