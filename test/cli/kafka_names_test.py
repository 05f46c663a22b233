"""The page of settings knows every name of the real clients: Java's from its own jar, librdkafka's from kcat."""

import pathlib
import re
import shutil
import subprocess
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
ROW = re.compile(r"^\| (`[^|]+`) \| (both|Java|librdkafka) \|", re.MULTILINE)


def names_on_page(world):
    page = (ROOT / "docs/configuration.md").read_text(encoding="utf8")
    return {name for cell, of in ROW.findall(page) if of in (world, "both") for name in re.findall(r"`([^`]+)`", cell)}


def librdkafkas_names():
    """Those of producers. Callbacks and pointers are left out: no text sets them."""
    assert shutil.which("kcat"), "kcat is missing: ./run test installs what is needed"
    text = subprocess.run(["kcat", "-X", "list"], stdout=subprocess.PIPE, text=True, check=True).stdout
    rows = re.findall(r"^([a-z][\w.]+) +\| +([*CP]) +\|", text, re.MULTILINE)
    return {name for name, of in rows
            if of in "*P" and not re.search(r"_cb$|^opaque$|_data$|^ssl_|^default_|msg_order_cmp", name)}


class Names(unittest.TestCase):
    def test_javas_names_are_exactly_those_of_producer_config(self):
        lib = subprocess.run([ROOT / "tools/kafka/fetch"], stdout=subprocess.PIPE, text=True, check=True).stdout.strip()
        html = subprocess.run(["java", "-cp", f"{lib}/*", "org.apache.kafka.clients.producer.ProducerConfig"],
                              stdout=subprocess.PIPE, text=True, check=True).stdout
        theirs = set(re.findall(r'<h4><a id="([^"]+)"', html))
        self.assertGreater(len(theirs), 90)
        ours = names_on_page("Java")
        self.assertEqual(theirs - ours, set())
        # A row may hold librdkafka's other name of the same setting.
        self.assertLessEqual(ours - theirs, librdkafkas_names())

    def test_librdkafkas_names_for_producers_are_known(self):
        theirs = librdkafkas_names()
        self.assertGreater(len(theirs), 60)
        self.assertEqual(theirs - names_on_page("librdkafka"), set())


if __name__ == "__main__":
    unittest.main()
