"""Reads *.schema files: the field tables of Kafka's messages. The format is described in wire/README.md."""

import dataclasses
import re

SCALARS = {
    "bool": ("bool", 1),
    "int8": ("std::int8_t", 1),
    "int16": ("std::int16_t", 2),
    "int32": ("std::int32_t", 4),
    "int64": ("std::int64_t", 8),
}
OTHERS = {"uuid": "Uuid", "string": "std::string_view", "bytes": "std::span<const std::byte>",
          "records": "Records"}


@dataclasses.dataclass
class Range:
    """Versions first..last, both included."""
    first: int
    last: int

    def __contains__(self, version):
        return self.first <= version <= self.last


@dataclasses.dataclass
class Field:
    name: str
    type: str
    is_array: bool
    versions: Range
    nullable: Range
    tag: int = None
    default: str = None
    is_inflexible: bool = False
    fields: list = dataclasses.field(default_factory=list)

    @property
    def is_struct(self):
        return self.type not in SCALARS and self.type not in OTHERS

    @property
    def is_nullable(self):
        return self.nullable is not None


@dataclasses.dataclass
class Message:
    name: str
    versions: Range
    flexible: int  # the first flexible version; beyond the last one when there is none
    key: int
    fields: list

    def structs(self):
        """Every nested struct, inner ones first."""
        found = []

        def walk(fields):
            for field in fields:
                walk(field.fields)
                if field.is_struct:
                    found.append(field)
        walk(self.fields)
        return found


class SchemaError(Exception):
    pass


def parse_range(text, limits):
    """3+ or 3-12, cut to what the message has at all."""
    match = re.fullmatch(r"(\d+)(\+|-(\d+))", text)
    if not match:
        raise SchemaError(f"not a range of versions: {text}")
    last = limits.last if match[2] == "+" else int(match[3])
    return Range(max(int(match[1]), limits.first), min(last, limits.last))


def parse_options(words):
    return dict(word.split("=", 1) if "=" in word else (word, True) for word in words)


def parse_field(text, limits):
    match = re.fullmatch(r"(\w+): (\[\])?(\w+)((?: \S+)*)", text)
    if not match:
        raise SchemaError(f"not a field: {text}")
    options = match[4].split()
    versions = limits
    if options and options[0][0].isdigit():
        versions = parse_range(options.pop(0), limits)
    options = parse_options(options)
    field = Field(match[1], match[3], match[2] is not None, versions,
                  parse_range(options.pop("nullable"), versions) if "nullable" in options else None)
    if "tag" in options:
        field.tag = int(options.pop("tag"))
    field.default = options.pop("default", None)
    field.is_inflexible = options.pop("inflexible", False)
    if options:
        raise SchemaError(f"unknown option in: {text}")
    return field


def parse_fields(lines, limits, depth):
    """Consumes the lines at `depth` and deeper."""
    fields = []
    while lines and lines[0][0] >= depth:
        indent, text = lines[0]
        if indent != depth:
            raise SchemaError(f"wrong indent: {text}")
        lines.pop(0)
        field = parse_field(text, limits)
        field.fields = parse_fields(lines, field.versions, depth + 1)
        if field.is_struct != bool(field.fields):
            raise SchemaError(f"a struct has fields below it, nothing else has: {text}")
        fields.append(field)
    return fields


def parse(path):
    """The messages of one file."""
    lines = []
    for line in path.read_text().splitlines():
        text = line.split("#")[0].rstrip()
        if text:
            indent = len(text) - len(text.lstrip())
            lines.append((indent // 2, text.strip()))
    kind, name, *words = lines.pop(0)[1].split()
    options = parse_options(words)
    first, last = options["versions"].split("-")
    versions = Range(int(first), int(last))
    flexible = versions.last + 1 if options["flexible"] == "none" else int(options["flexible"])
    key = int(options.get("key", -1))
    messages = []
    while lines:
        section = lines.pop(0)[1]
        suffix = {"request": "Request", "response": "Response", "fields": ""}[section]
        messages.append(Message(name + suffix, versions, flexible, key,
                                parse_fields(lines, versions, 1)))
    if (kind == "header") != (key == -1):
        raise SchemaError(f"{path}: an api has a key, a header has none")
    return name, messages
