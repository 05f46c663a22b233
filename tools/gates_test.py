#!/usr/bin/env python3
"""Shows a planted fault to each gate that is ours: a gate that cannot fail is a defect."""
import pathlib
import shutil
import subprocess
import sys
import tempfile
import unittest

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))
import check_layers  # noqa: E402
import check_sizes  # noqa: E402


class PlantedFault(unittest.TestCase):
    def setUp(self):
        scratch = tempfile.TemporaryDirectory()
        self.addCleanup(scratch.cleanup)
        self.root = pathlib.Path(scratch.name)

    def plant(self, path, text):
        (self.root / path).parent.mkdir(parents=True, exist_ok=True)
        (self.root / path).write_text(text)


class Layers(PlantedFault):
    def complaints(self, path, include):
        self.plant(path, f"#pragma once\n#include {include}\n")
        return check_layers.check(self.root)

    def test_an_edge_upward_is_named_with_its_line(self):
        self.assertEqual(self.complaints("src/ring/ring.h", '"net/reactor.h"'),
                         ['src/ring/ring.h:2: includes "net/reactor.h": ring (rank 2) may not know net (rank 3)'])

    def test_an_edge_between_rooms_of_one_rank_is_refused(self):
        self.assertEqual(len(self.complaints("src/ring/ring.cc", '"wire/reader.h"')), 1)

    def test_a_public_header_that_shows_a_room_or_a_third_party_is_refused(self):
        for include in ('"base/check.h"', "<openssl/ssl.h>", "<isa-l.h>", "<sys/uio.h>"):
            self.assertEqual(len(self.complaints("include/spillway/producer.h", include)), 1, include)

    def test_an_app_that_reaches_behind_the_public_headers_is_refused(self):
        self.assertEqual(len(self.complaints("apps/spillway/main.cc", '"memory/pool.h"')), 1)

    def test_a_room_without_a_rank_is_refused(self):
        self.assertEqual(len(self.complaints("src/attic/junk.h", '"base/check.h"')), 1)

    def test_what_the_floor_plan_allows_passes(self):
        for path, include in (("src/net/a.h", '"ring/ring.h"'), ("src/net/b.h", '"net/a.h"'), ("src/net/c.h", "<poll.h>"),
                              ("src/ring/ring_test.cc", '"testing/fiber.h"'), ("src/base/d.h", '"spillway/error.h"'),
                              ("apps/spillway/demo.cc", '"testing/dev_broker.h"'), ("apps/spillway/e.cc", "<CLI/CLI.hpp>"),
                              ("include/spillway/error.h", "<string_view>"), ("bench/f.cc", '"ring/ring.h"')):
            self.assertEqual(self.complaints(path, include), [], path)


class Sizes(PlantedFault):
    def complaints(self, path, text, exceptions=None):
        self.plant(path, text)
        return check_sizes.check(self.root, exceptions or {})

    def function(self, lines):
        return "class Ring {\n  bool push(int slot,\n            int value) {\n" + "    step();\n" * (lines - 3) + "  }\n};\n"

    def test_a_function_of_60_lines_passes_and_one_of_61_does_not(self):
        self.assertEqual(self.complaints("src/ring/a.h", self.function(60)), [])
        self.assertEqual(self.complaints("src/ring/a.h", self.function(61)),
                         ["src/ring/a.h:2: push has 61 lines, at most 60"])

    def test_a_class_or_a_table_is_no_function(self):
        rows = "    {1, 2},\n" * 100
        self.assertEqual(self.complaints("src/ring/a.h", f"struct Table {{\n  int rows[100][2] = {{\n{rows}  }};\n}};\n"), [])

    def test_braces_in_strings_and_comments_do_not_hide_a_long_function(self):
        text = self.function(61).replace("    step();\n", "    say(\"}\");  // }\n", 1)
        self.assertEqual(len(self.complaints("src/ring/a.h", text)), 1)

    def test_long_files_long_public_headers_and_long_lines_are_refused(self):
        self.assertEqual(len(self.complaints("src/ring/a.cc", "int a;\n" * 401)), 1)
        self.assertEqual(len(self.complaints("include/spillway/a.h", "int a;\n" * 251)), 2)
        self.assertEqual(len(self.complaints("src/ring/b.h", "// " + "x" * 98 + "\n")), 3)

    def test_an_exception_counts_only_while_it_is_needed(self):
        named = {"src/ring/a.h:push": "a reason"}
        self.assertEqual(self.complaints("src/ring/a.h", self.function(61), named), [])
        self.assertEqual(self.complaints("src/ring/a.h", self.function(60), named),
                         ["src/ring/a.h:push: the exception is no longer needed"])


class Clang(PlantedFault):
    def passes(self, tool, settings, text, *options):
        if not shutil.which(tool):
            self.skipTest(f"{tool} comes with ./run check")
        shutil.copy(HERE.parent / settings, self.root)
        self.plant("a.cc", text)
        command = [tool, *options, self.root / "a.cc"]
        return subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL).returncode == 0

    def test_a_badly_laid_out_line_is_refused(self):
        dry = ("--dry-run", "-Werror")
        self.assertFalse(self.passes("clang-format-16", ".clang-format", "int  a ;\n", *dry))
        self.assertTrue(self.passes("clang-format-16", ".clang-format", "int a;\n", *dry))

    def test_an_if_that_guards_nothing_is_refused(self):
        guard = "int f(int a) {\n  if (a > 0)%s\n    return 1;\n  return 0;\n}\n"
        self.assertFalse(self.passes("clang-tidy-16", ".clang-tidy", guard % ";"))
        self.assertTrue(self.passes("clang-tidy-16", ".clang-tidy", guard % ""))


if __name__ == "__main__":
    unittest.main()
