#!/usr/bin/env python3
"""The house rules that a program can check. Prints what breaks them, then "N passed, N failed"; --worst lists the longest functions,
--rfcs the table of docs/rfc-index.md as the sources cite it.
"""
import collections
import glob
import os
import re
import subprocess
import sys

TOP = os.path.realpath(os.path.join(os.path.dirname(__file__), ".."))
os.chdir(TOP)

# A folder includes itself and what stands in an earlier layer (ARCHITECTURE.md).
LAYERS = [["base"], ["net", "address", "mime"], ["compose", "text"], ["config"], ["admin"], ["proc"], ["db"], ["store"],
          ["keys", "directory"], ["smtp", "imap"], ["account", "intake", "relay"], ["edge", "supervisor"], ["main"]]

BANNED = ["strcpy", "strcat", "sprintf", "strtok", "atoi", "strtol", "sscanf", "gets", "alloca", "vsprintf", "strncpy",
          "strncat", "malloc", "calloc", "realloc", "system", "popen", "rand", "srand", "mktemp", "tmpnam"]
# free() of what a library has allocated; base/ makes our memory.
FREE_ALLOWED = {"src/address/address.c", "src/main/logview.c", "src/proc/sandbox_test.c"}

FUNCTION_MOST, FILE_MOST = 120, 800
failures = []


def complain(path, line, words):
    failures.append("%s:%s: %s" % (path, line, words))


def sources(tests=True):
    found = sorted(glob.glob("src/*/*.[ch]"))
    return [f for f in found if tests or not re.search(r"_(test|fuzz)\.c$|base/test\.[ch]$", f)]


def bare(text):
    """The code without comments and strings, lines kept."""
    def blank(m):
        return re.sub(r"[^\n]", " ", m.group(0))
    return re.sub(r'/\*.*?\*/|//[^\n]*|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\'', blank, text, flags=re.S)


def check_layers():
    rank = {name: i for i, names in enumerate(LAYERS) for name in names}
    for path in sources():
        mine = path.split("/")[1]
        for n, line in enumerate(open(path), 1):
            m = re.match(r'#include "(\w+)/', line)
            if not m or m.group(1) == mine:
                continue
            other = m.group(1)
            if other not in rank or mine not in rank:
                complain(path, n, "folder %s or %s has no layer" % (mine, other))
            elif rank[other] >= rank[mine]:
                complain(path, n, "%s includes %s, which does not stand above it" % (mine, other))


def check_banned():
    for path in sources():
        for n, line in enumerate(bare(open(path).read()).split("\n"), 1):
            for word in re.findall(r"(?<![\w.>])(\w+)\s*\(", line):
                if word in BANNED and not path.startswith("src/base/"):
                    complain(path, n, "%s() is not used here (STYLE 25)" % word)
                if word == "free" and not path.startswith("src/base/") and path not in FREE_ALLOWED:
                    complain(path, n, "free(): memory of ours is freed with mem_free")


def functions(path):
    """(name, first line, length) of each function."""
    lines = bare(open(path).read()).split("\n")
    start = None
    for n, line in enumerate(lines, 1):
        if line == "{" and n > 1:
            start = n
            while start > 1 and lines[start - 2].strip() and not lines[start - 2].startswith(("}", "#")):
                start -= 1
        elif line == "}" and start:
            head = " ".join(lines[start - 1:n])
            m = re.search(r"(\w+)\s*\(", head)
            yield (m.group(1) if m else "?", start, n - start + 1)
            start = None


def check_lengths():
    for path in sources():
        count = open(path).read().count("\n")
        if count > FILE_MOST:
            complain(path, 1, "%d lines; past %d it is two topics" % (count, FILE_MOST))
        for name, line, length in functions(path):
            if length > FUNCTION_MOST and not path.endswith("_test.c"):
                complain(path, line, "%s has %d lines, more than %d" % (name, length, FUNCTION_MOST))


def cited():
    found = collections.defaultdict(set)
    for path in sources(tests=False):
        text = re.sub(r"\n \*\s*", " ", open(path).read())
        for number in re.findall(r"RFC (\d{3,5})", text):
            found[int(number)].add(path[4:])
    return found


def check_rfcs():
    indexed = set()
    if os.path.exists("docs/rfc-index.md"):
        indexed = {int(n) for n in re.findall(r"^\| (\d+) \|", open("docs/rfc-index.md").read(), re.M)}
    found = cited()
    for number, paths in sorted(found.items()):
        if number not in indexed:
            complain(sorted(paths)[0], "-", "cites RFC %d, which docs/rfc-index.md does not list" % number)
    for number in sorted(indexed - set(found)):
        complain("docs/rfc-index.md", "-", "lists RFC %d, which no source cites" % number)


def check_words():
    """No path of a machine, no host of a registry, nothing left to do."""
    names = subprocess.run(["git", "ls-files", "-co", "--exclude-standard"], stdout=subprocess.PIPE, text=True).stdout.split("\n")
    for path in names:
        if not path or path.startswith("tests/data/") or "corpus" in path or path == "tools/rules.py" or not os.path.isfile(path):
            continue
        try:
            text = open(path).read()
        except UnicodeDecodeError:
            continue
        for n, line in enumerate(text.split("\n"), 1):
            if re.search(r"(?<![\w.])/(work|home|root)/", line):
                complain(path, n, "a path of one machine")
            if re.search(r"\b(TODO|FIXME|XXX)\b", line):
                complain(path, n, "what is left to do belongs into the tracker")
            if re.search(r"registry\.npmjs|deb\.debian\.org|pypi\.org", line):
                complain(path, n, "a registry's host name")


RULES = [check_layers, check_banned, check_lengths, check_rfcs, check_words]


def main():
    if "--worst" in sys.argv:
        everything = [(length, "%s:%d" % (path, line), name) for path in sources() for name, line, length in functions(path)]
        for length, place, name in sorted(everything, reverse=True)[:10]:
            print("%4d  %s  %s" % (length, place, name))
        return 0
    if "--rfcs" in sys.argv:
        for number, paths in sorted(cited().items()):
            print("| %d | %s |" % (number, ", ".join(sorted(paths))))
        return 0
    failed = 0
    for rule in RULES:
        before = len(failures)
        rule()
        failed += len(failures) > before
    for line in failures:
        print(line)
    print("%d passed, %d failed" % (len(RULES) - failed, failed))
    return 1 if failed else 0


sys.exit(main())
