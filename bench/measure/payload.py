"""Values that compress as logs do: lines of JSON, the same file for every client, 200 to 300 bytes each."""
import json
import random

LINES = 40_000  # 10 MB: a batch of 1 MB holds one line in eighteen twice, and no cache holds the file
SEED = 20_240_229
WORDS = 4_000
LEVELS = ("debug", "info", "info", "info", "info", "info", "warn", "error")


def words(chance):
    letters = "etaoinshrdlucmfwypvbgkjqxz"
    weights = range(len(letters), 0, -1)
    return ["".join(chance.choices(letters, weights, k=chance.randint(3, 11))) for _ in range(WORDS)]


def line(chance, vocabulary, number):
    # Few words are frequent, most are rare.
    text = " ".join(vocabulary[min(int(chance.paretovariate(0.6)), WORDS) - 1] for _ in range(chance.randint(8, 14)))
    return json.dumps({
        "time": f"2026-11-24T{number // 3600 % 24:02}:{number // 60 % 60:02}:{number % 60:02}.{chance.randrange(10 ** 6):06}Z",
        "level": chance.choice(LEVELS), "host": f"node-{chance.randrange(40):02}", "trace": f"{chance.getrandbits(64):016x}",
        "user": chance.randrange(10 ** 7), "took_ms": round(chance.expovariate(0.05), 3), "message": text},
        separators=(",", ":"))


def write(path):
    """Makes the file, or leaves it: the seed is fixed."""
    if not path.exists():
        chance = random.Random(SEED)
        vocabulary = words(chance)
        part = path.with_suffix(".part")
        part.write_text("".join(line(chance, vocabulary, number) + "\n" for number in range(LINES)))
        part.rename(path)
    return path
