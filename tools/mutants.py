#!/usr/bin/env python3
"""Breaks the code on purpose, one line at a time, and expects a test to notice.

Reads every src/*/*mutants.toml (or the files given): `test` and `sources` are compiled into one gtest binary; each [[mutant]] replaces
`find` by `replace` in a copy of `file` (the n-th `occurrence` if it is there more than once; `also` for a second edit), and the
binary must then fail. `sources` may be globs (tests are left out); `generate` is a command that fills {generated}, whose headers and
sources are used too. `filter` (of the file or of one mutant) is a gtest filter. Prints a table; exit 1 if a mutant survives, does
not build, or does not apply.
"""
import argparse
import concurrent.futures
import os
import pathlib
import shlex
import subprocess
import sys
import tempfile
import time
import tomllib

ROOT = pathlib.Path(__file__).resolve().parent.parent
FLAGS = ["-std=c++20", "-O1", "-w"]  # warnings are another gate's matter
RUN_SECONDS_MAX = 120


def edit(text, change):
    find = change["find"]
    count = text.count(find)
    wanted = change.get("occurrence")
    if count == 0 or (count > 1 and wanted is None):
        raise ValueError(f"pattern occurs {count} times: {find!r}")
    parts = text.split(find)
    cut = wanted or 1
    if cut > count:
        raise ValueError(f"pattern occurs only {count} times: {find!r}")
    return find.join(parts[:cut]) + change["replace"] + find.join(parts[cut:])


def expand(patterns):
    """The source files of the globs, without tests, benchmarks and what belongs to them."""
    found = [path.relative_to(ROOT) for pattern in patterns for path in sorted(ROOT.glob(pattern))]
    return [str(path) for path in found if not path.stem.endswith(("_test", "_bench", "test_client"))]


class Suite:
    def __init__(self, path, compiler, scratch):
        data = tomllib.loads(path.read_text())
        self.name = f"{path.parent.name}/{path.stem}"
        self.compiler = shlex.split(compiler)
        self.scratch = scratch / self.name.replace("/", "_")
        self.scratch.mkdir()
        self.test = data["test"]
        self.generated = self.scratch / "generated"
        self.sources = [*expand(data.get("sources", [])), *self.generate(data.get("generate"))]
        self.libraries = data.get("libraries", [])
        self.filter = data.get("filter", "*")
        self.mutants = data["mutant"]

    def generate(self, command):
        if command is None:
            return []
        subprocess.run([part.format(generated=self.generated) for part in command], cwd=ROOT, check=True)
        return sorted(map(str, self.generated.rglob("*.cc")))

    def compile(self, source, output, overlay=None):
        includes = [f"-I{overlay / 'src'}", f"-I{overlay / 'include'}"] if overlay else []
        includes += [f"-I{ROOT / 'src'}", f"-I{ROOT / 'include'}", f"-I{self.generated}"]
        subprocess.run([*self.compiler, *FLAGS, *includes, "-c", str(source), "-o", str(output)],
                       check=True, capture_output=True, text=True)

    def build(self, where, overlay=None, changed=()):
        """One binary. Sources that the mutant leaves alone and that include nothing mutated are compiled once (prepare)."""
        objects = []
        for source in [self.test, *self.sources]:
            shared = self.scratch / (source.replace("/", "_") + ".o")
            if overlay and (source == self.test or source in changed):
                copy = overlay / source
                target = where / shared.name
                self.compile(copy if copy.exists() else ROOT / source, target, overlay)
                objects.append(target)
            else:
                if not overlay:
                    self.compile(ROOT / source, shared)
                objects.append(shared)
        binary = where / "test"
        subprocess.run([*self.compiler, *map(str, objects), "-lgtest", "-lgtest_main", "-lpthread",
                        *self.libraries, "-o", str(binary)],
                       check=True, capture_output=True, text=True)
        return binary

    def run(self, binary, pattern):
        """Whether the test passed, and the first failure it named."""
        try:
            done = subprocess.run([str(binary), f"--gtest_filter={pattern}", "--gtest_fail_fast"],
                                  capture_output=True, text=True, timeout=RUN_SECONDS_MAX)
        except subprocess.TimeoutExpired:
            return False, "no end"
        if done.returncode == 0:
            return True, ""
        failed = [line.split("]")[1].split(",")[0].split("(")[0].strip()
                  for line in done.stdout.splitlines() if line.startswith("[  FAILED  ]")]
        return False, failed[0] if failed else (done.stderr.strip().splitlines() or ["crashed"])[-1]

    def try_mutant(self, number, mutant):
        where = self.scratch / f"mutant{number}"
        overlay = where / "tree"
        changed = set()
        try:
            for change in [mutant, *([mutant["also"]] if "also" in mutant else [])]:
                target = overlay / change["file"]
                source = target if target.exists() else ROOT / change["file"]
                text = edit(source.read_text(), change)
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_text(text)
                changed.add(change["file"])
            binary = self.build(where, overlay, changed)
        except ValueError as problem:
            return "DOES NOT APPLY", str(problem)
        except subprocess.CalledProcessError as problem:
            return "DOES NOT BUILD", problem.stderr.strip().splitlines()[0]
        passed, where_failed = self.run(binary, mutant.get("filter", self.filter))
        return ("SURVIVES", mutant["why"]) if passed else ("found", where_failed)


def check(suite, jobs):
    """Prints the table of one suite; the number of rows that are wrong."""
    passed, where = suite.run(suite.build(suite.scratch), suite.filter)
    if not passed:
        print(f"{suite.name}: the test fails without any mutant, in {where}")
        return 1
    wrong = 0
    with concurrent.futures.ThreadPoolExecutor(jobs) as pool:
        verdicts = pool.map(suite.try_mutant, range(len(suite.mutants)), suite.mutants)
        for mutant, (verdict, detail) in zip(suite.mutants, verdicts):
            wrong += verdict.isupper()
            print(f"{suite.name:26} {verdict:14} {mutant['name']:58} {detail}", flush=True)
    return wrong


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("files", nargs="*", type=pathlib.Path)
    parser.add_argument("--compiler", default=os.environ.get("CXX", "g++"))
    parser.add_argument("--jobs", type=int, default=min(4, os.cpu_count() or 1))
    arguments = parser.parse_args()
    os.environ.setdefault("SPILLWAY_SCHEDULES", "20000")
    start = time.monotonic()
    wrong = 0
    total = 0
    with tempfile.TemporaryDirectory() as scratch:
        for path in arguments.files or sorted(ROOT.glob("src/*/*mutants.toml")):
            suite = Suite(path.resolve(), arguments.compiler, pathlib.Path(scratch))
            wrong += check(suite, arguments.jobs)
            total += len(suite.mutants)
    print(f"{total} mutants, {wrong} wrong, {time.monotonic() - start:.0f} s")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
