#!/usr/bin/env python3
"""Runs the gates, two at a time, all of them even if one fails, and ends with a table. Called by ./run check [GATE...].

A gate is a list of commands that stops at the first one that fails. What it prints goes to build/check/GATE.log.
"""
import os
import pathlib
import re
import signal
import subprocess
import sys
import threading
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
LOGS = ROOT / "build" / "check"
GATE_SECONDS = 1500  # no gate may hang the rest
STORMS = {"engine_test": 5000, "engine_login_test": 1000, "transaction_simulation_test": 2000}  # seeds
FUZZ_SECONDS = 20
SCHEDULES = "1000000"
TELLING = re.compile(r"error:|: Failure|\*\*\*|FAILED|ERROR:|SUMMARY:|WARNING: ThreadSanitizer")
FOLDERS = ("include", "src", "apps", "test", "bench", "fuzz", "examples")
CLANG = "-DCMAKE_CXX_COMPILER=clang++-16"


def sources(*suffixes):
    return [str(p) for f in FOLDERS for p in sorted((ROOT / f).rglob("*")) if p.suffix in suffixes]


def configure(folder, *options):
    return ["cmake", "-S", ".", "-B", folder, "-G", "Ninja", "-DSPILLWAY_TESTS=ON", *options]


def build(folder, *targets):
    return ["ninja", "-C", folder, "-j", "1", *targets]  # two gates run at a time, on two cores


def format_gate():
    yield ["clang-format-16", "--dry-run", "-Werror", *sources(".h", ".cc")]


def gcc_gate():
    yield configure("build", "-DSPILLWAY_APPS=ON")
    yield build("build")


def clang_gate():
    yield configure("build-clang", CLANG)
    yield build("build-clang")


def tidy_gate():
    """Reads the compile commands, and the generated headers, of the gate before it."""
    ours = f"^{re.escape(str(ROOT))}/(include|src|apps)/"
    yield ["run-clang-tidy-16", "-p", "build-clang", "-j", "1", "-quiet", f"-header-filter={ours}",
           ours + r"(?!.*_(test|bench|fuzz)\.cc)"]


def sanitizer_gate(kind):
    folder = f"build-{kind}"
    yield configure(folder, CLANG, f"-DSPILLWAY_SANITIZE={kind}")
    yield build(folder)
    # TSan of clang 16 cannot place its shadow memory where the kernel scatters addresses over more than 28 bits.
    scattered = int(pathlib.Path("/proc/sys/vm/mmap_rnd_bits").read_text()) > 28
    calm = ["setarch", "-R"] if scattered and kind == "thread" else []
    few = ["env", "SPILLWAY_SCHEDULES=2000"]  # many schedules are the schedules gate's work
    yield [*calm, *few, "ctest", "--test-dir", folder, "--output-on-failure", "-LE", "kafka|packaging|slow|tools"]


def schedules_gate():
    programs = sorted((ROOT / "build").rglob("*_schedule_test"))
    if not programs:
        yield ["sh", "-c", "echo there is no schedule test in build/; exit 1"]
    for program in programs:
        yield ["env", f"SPILLWAY_SCHEDULES={SCHEDULES}", str(program)]


def storms_gate():
    """Each program finds its seeds in SPILLWAY_SEEDS and prints the one that fails."""
    for name, seeds in STORMS.items():
        yield ["env", f"SPILLWAY_SEEDS={seeds}", str(ROOT / "build/src/cluster" / name)]


def mutants_gate():
    yield ["sh", "-c", "ls src/*/*mutants.toml"]  # no list, no proof
    yield ["tools/mutants.py", "--jobs", "1"]


def fuzz_gate():
    names = [path.stem for path in sorted((ROOT / "fuzz").glob("*_fuzz.cc"))]
    if not names:
        yield ["sh", "-c", "echo there is no fuzzer in fuzz/; exit 1"]
    yield configure("build-fuzz", CLANG, "-DSPILLWAY_FUZZ=ON", "-DSPILLWAY_SANITIZE=address")
    yield build("build-fuzz", *names)
    for name in names:
        found = ROOT / "build-fuzz" / "fuzz" / f"{name}.found"  # libFuzzer writes into its first folder, reads the others
        found.mkdir(exist_ok=True)
        yield [f"build-fuzz/fuzz/{name}", f"-max_total_time={FUZZ_SECONDS}", "-timeout=5", "-rss_limit_mb=1024",
               f"-artifact_prefix={LOGS}/", str(found), f"fuzz/corpus/{name.removesuffix('_fuzz')}"]


# name: (what it proves, commands, the gate that has to come first). In the order in which they start.
GATES = {
    "gcc": ("g++ 12, warnings are errors", gcc_gate, None),
    "format": ("clang-format 16", format_gate, None),
    "layers": ("no include points upward or sideways", lambda: [["tools/check_layers.py"]], None),
    "sizes": ("functions, files and lines stay small", lambda: [["tools/check_sizes.py"]], None),
    "clang": ("clang 16, warnings are errors", clang_gate, None),
    "tidy": ("clang-tidy 16", tidy_gate, "clang"),
    "thread": ("tests under TSan", lambda: sanitizer_gate("thread"), None),
    "address": ("tests under ASan and UBSan", lambda: sanitizer_gate("address"), None),
    "schedules": ("a million schedules a model", schedules_gate, "gcc"),
    "storms": ("thousands of seeds of the simulation", storms_gate, "gcc"),
    "mutants": ("each weakened order makes a test fail", mutants_gate, None),
    "spin": ("the ring as a Spin model", lambda: [["tools/spin/run"]], None),
    "fuzz": (f"{FUZZ_SECONDS} s a fuzzer", fuzz_gate, None),
}


running = set()  # what Ctrl-C has to end, since each command leads a process group of its own


def run_command(command, log, deadline):
    log.write(f"$ {' '.join(command)[:200]}\n".encode())
    log.flush()
    try:
        process = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                   start_new_session=True)
    except OSError as error:
        log.write(f"{error}\n".encode())
        return False
    running.add(process)
    try:
        return process.wait(max(1, deadline - time.monotonic())) == 0
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        log.write(f"\nended after {GATE_SECONDS} s\n".encode())
        return False
    finally:
        running.discard(process)


class Check:
    """Two workers take gates in order; a gate whose predecessor is not done yet is left for later."""

    def __init__(self, names):
        self.waiting, self.results = list(names), {}
        self.changed = threading.Condition()

    def take(self):
        with self.changed:
            while self.waiting:
                for name in self.waiting:
                    first = GATES[name][2]
                    if first in self.results or first not in self.names_open:
                        self.waiting.remove(name)
                        return name
                self.changed.wait()
        return None

    def work(self):
        while name := self.take():
            started = time.monotonic()
            print(f"     {name}: started", flush=True)
            with open(LOGS / f"{name}.log", "wb") as log:
                good = all(run_command(command, log, started + GATE_SECONDS) for command in GATES[name][1]())
            with self.changed:
                self.results[name] = (good, time.monotonic() - started)
                self.names_open.discard(name)
                self.report(name)
                self.changed.notify_all()

    def report(self, name):
        good, seconds = self.results[name]
        print(f"{'ok  ' if good else 'FAIL'} {name} ({seconds:.0f} s)", flush=True)
        if not good:
            log = LOGS / f"{name}.log"
            lines = log.read_text(errors="replace").splitlines()
            telling = dict.fromkeys(line for line in lines if TELLING.search(line))  # a header's fault is told once
            lines = list(telling)[:20] or lines[-20:]
            print("\n".join("     | " + line[:160] for line in lines))
            print(f"     | all of it: {log.relative_to(ROOT)}", flush=True)

    def run(self):
        self.names_open = set(self.waiting)
        workers = [threading.Thread(target=self.work, daemon=True) for _ in range(2)]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()


def main(names):
    unknown = [name for name in names if name not in GATES]
    if unknown:
        sys.exit(f"check: there is no gate {' '.join(unknown)}; the gates are {' '.join(GATES)}")
    LOGS.mkdir(parents=True, exist_ok=True)
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    check = Check(names or list(GATES))
    try:
        check.run()
    except KeyboardInterrupt:
        for process in list(running):
            os.killpg(process.pid, signal.SIGKILL)
        sys.exit(130)
    print()
    for name in [name for name in GATES if name in check.results]:
        good, seconds = check.results[name]
        print(f"{name:<10} {'ok' if good else 'FAILED':<7} {seconds:6.0f} s   {GATES[name][0]}")
    passed = sum(good for good, _ in check.results.values())
    failed = len(check.results) - passed
    print(f"\n{passed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
