#!/usr/bin/env python3
"""Makes the floor plan a test: a file may include only lower ranks, its own room and include/spillway/."""
import pathlib
import re
import sys

RANKS = {"base": 0, "memory": 1, "metrics": 1, "ring": 2, "track": 2, "wire": 2, "net": 3, "spool": 3,
         "cluster": 4, "overload": 4, "producer": 5, "testing": 6}
INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]')
BESIDE = re.compile(r"_(test|bench|fuzz|test_support)\.(cc|h)$")  # these stand beside their source but on top of the house


def complaint(path, quote, header):
    """Why this file may not include this header, or None. path is relative to the project."""
    top, target = path.parts[0], header.split("/")[0]
    if top == "include":
        if target == "spillway" or (quote == "<" and re.fullmatch(r"[a-z_]+", header)):
            return None
        return "the public headers may include only the standard library and spillway/"
    if target == "spillway" or target not in RANKS or quote == "<":
        if top == "src" and quote == '"' and "/" in header and target != "spillway":
            return f"'{target}' is no room of the house"
        return None
    if top == "apps":
        return None if target == "testing" else "an app may include only spillway/, its own files and testing/"
    if top == "examples":
        return "an example may include only spillway/"
    if top != "src" or BESIDE.search(path.name):
        return None
    room = path.parts[1]
    if room not in RANKS:
        return f"the room '{room}' has no rank in tools/check_layers.py"
    if target == room or RANKS[target] < RANKS[room]:
        return None
    return f"{room} (rank {RANKS[room]}) may not know {target} (rank {RANKS[target]})"


def check(root):
    complaints = []
    for top in ("include", "src", "apps", "examples"):
        for path in sorted((root / top).rglob("*")):
            if path.suffix not in (".h", ".cc"):
                continue
            for number, line in enumerate(path.read_text().splitlines(), 1):
                found = INCLUDE.match(line)
                reason = found and complaint(path.relative_to(root), *found.groups())
                if reason:
                    complaints.append(f'{path.relative_to(root)}:{number}: includes "{found[2]}": {reason}')
    return complaints


if __name__ == "__main__":
    complaints = check(pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else ".").resolve())
    print("\n".join(complaints) or "no include points upward or sideways")
    sys.exit(1 if complaints else 0)
