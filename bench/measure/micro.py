"""The micro-benchmarks that stand beside their sources, run one after the other as Google Benchmark programs."""
import json
import pathlib
import subprocess

ROOT = pathlib.Path(__file__).resolve().parents[2]
NANOSECONDS = {"ns": 1, "us": 1e3, "ms": 1e6, "s": 1e9}


def programs(build):
    """Every micro-benchmark that is built: (room, program)."""
    for source in sorted(ROOT.glob("src/*/*_bench.cc")):
        for place in (build / "src" / source.parent.name, build / "bench"):
            if (place / source.stem).exists():
                yield source.parent.name, place / source.stem
                break


def results(program, seconds):
    """name -> the numbers of one run; one entry named after the program if it failed."""
    command = [str(program), "--benchmark_format=json", f"--benchmark_min_time={seconds}"]
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    told = {"client": "spillway", "command": f"{program.name} --benchmark_min_time={seconds}"}
    if done.returncode != 0:
        return {program.name: told | {"trouble": done.stderr.strip() or f"exit code {done.returncode}"}}
    found = {}
    for line in json.loads(done.stdout)["benchmarks"]:
        scale = NANOSECONDS[line["time_unit"]]
        found[line["name"]] = told | {"wall_ns": line["real_time"] * scale, "cpu_ns": line["cpu_time"] * scale,
                                      "items_per_second": line.get("items_per_second"),
                                      "bytes_per_second": line.get("bytes_per_second")}
    return found
