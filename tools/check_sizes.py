#!/usr/bin/env python3
"""Keeps functions, files and lines small enough to be read on one screen. Sizes: see STYLE.md."""
import pathlib
import re
import sys

FUNCTION_LINES, FILE_LINES, PUBLIC_HEADER_LINES, COLUMNS = 60, 400, 250, 100
FOLDERS = ("include", "src", "apps", "test", "bench", "fuzz", "examples")

# "path" or "path:function" -> why it may be larger. An entry that is no longer needed is a fault too.
EXCEPTIONS = {}

NOT_FUNCTION = re.compile(
    r"^\W*(if|for|while|switch|else|do|try|catch|case|default|namespace|class|struct|enum|union|extern)\b")
NAME = re.compile(r"([~\w:]+(?:\s*\(\))?)\s*\(")


def without_text(line):
    """The line without comments, strings and characters, so that only real braces are counted."""
    line = re.sub(r'"(\\.|[^"\\])*"', '""', line)
    line = re.sub(r"'(\\.|[^'\\])'", "' '", line)
    return line.split("//")[0].rstrip()


def functions(lines):
    """Yields (name, first line number, lines) for each function body. Relies on clang-format's layout."""
    open_blocks = []  # (name or None, first line), one for each open brace
    head, head_at = "", 0
    for number, raw in enumerate(lines, 1):
        line = without_text(raw)
        if line.lstrip().startswith("#"):
            continue
        head_at = head_at if head else number
        for character in line:
            if character == "{":
                name = NAME.search(head)
                is_function = name and not NOT_FUNCTION.match(head) and not head.rstrip().endswith(("=", ","))
                open_blocks.append((name.group(1) if is_function else None, head_at))
                head, head_at = "", number
            elif character == "}":
                if open_blocks:
                    name, first = open_blocks.pop()
                    if name:
                        yield name, first, number - first + 1
                head, head_at = "", number
            elif character == ";":
                head, head_at = "", number
            else:
                head += character
        head += " " if head else ""


def oversize(path, lines):
    """Yields (name for EXCEPTIONS, complaint) for one file."""
    limit = PUBLIC_HEADER_LINES if path.parts[0] == "include" else FILE_LINES
    if len(lines) > limit:
        yield str(path), f"{path}: {len(lines)} lines, at most {limit}"
    for number, line in enumerate(lines, 1):
        if len(line) > COLUMNS:
            yield str(path), f"{path}:{number}: {len(line)} columns, at most {COLUMNS}"
    for name, first, length in functions(lines):
        if length > FUNCTION_LINES:
            yield f"{path}:{name}", f"{path}:{first}: {name} has {length} lines, at most {FUNCTION_LINES}"


def check(root, exceptions):
    complaints, unused = [], dict(exceptions)
    for folder in FOLDERS:
        for path in sorted((root / folder).rglob("*")):
            if path.suffix not in (".h", ".cc"):
                continue
            for key, complaint in oversize(path.relative_to(root), path.read_text().splitlines()):
                if key in exceptions:
                    unused.pop(key, None)
                else:
                    complaints.append(complaint)
    return complaints + [f"{key}: the exception is no longer needed" for key in unused]


if __name__ == "__main__":
    complaints = check(pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else ".").resolve(), EXCEPTIONS)
    print("\n".join(complaints) or "every function, file and line is within its size")
    sys.exit(1 if complaints else 0)
