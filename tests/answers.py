"""What commands answer with --json, compared with the schemas of `posthus schema`. Every answer that a test gets through
harness.Server.admin comes by here."""
import functools
import json
import re
import subprocess

TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z\Z")
TYPES = {"string": str, "integer": int, "boolean": bool, "array": list, "object": dict}
KEYWORDS = {"type", "description", "format", "unit", "items", "properties", "required", "additionalProperties"}
NOT_JSON = {"--sample", "--man", "--fingerprint", "--help"}


@functools.lru_cache(maxsize=None)
def table(posthus):
    """The table of commands of this binary."""
    return json.loads(subprocess.run([posthus, "schema"], stdout=subprocess.PIPE, check=True, timeout=60).stdout)


def named(posthus, words):
    """The name of the row that these words call, or None."""
    rows = table(posthus)["commands"]
    plain = [w for w in words if not w.startswith("-")]
    for n in (2, 1):
        name = " ".join(plain[:n])
        for row in rows:
            if name == row or name in rows[row]["synonyms"]:
                return row
    return None


def check(value, schema, at="answer"):
    """JSON Schema as far as the table uses it; another keyword fails."""
    assert set(schema) <= KEYWORDS, (at, set(schema) - KEYWORDS)
    kind = TYPES[schema["type"]]
    assert isinstance(value, kind) and (kind is bool or not isinstance(value, bool)), (at, schema["type"], value)
    if schema.get("format") == "date-time":
        assert TIME.match(value), (at, value)
    if kind is list:
        for i, item in enumerate(value):
            check(item, schema["items"], "%s[%d]" % (at, i))
    if kind is dict:
        for name in schema.get("required", ()):
            assert name in value, (at, "lacks", name, value)
        for name, item in value.items():
            inside = schema.get("properties", {}).get(name, schema.get("additionalProperties", False))
            assert inside, (at, "has", name, "which no field of the table is")
            check(item, inside, "%s.%s" % (at, name))


def look_at(posthus, words, out):
    """Fails when this answer of a command is not what its row says."""
    name = named(posthus, words)
    row = name and table(posthus)["commands"][name]
    if not row or "answer" not in row or NOT_JSON & set(words):
        return
    if row["shape"] == "lines":
        for line in out.splitlines():
            check(json.loads(line), row["answer"], name)
    else:
        check(json.loads(out), row["answer"], name)
