#!/usr/bin/env python3
"""The house rules that a program can check.

    tools/rules.py [RULE ...]       prints what breaks them (these, or all), then "N passed, N failed"
    tools/rules.py --names          only the rule of names, what is known included
    tools/rules.py --worst          the longest and the most complex functions
    tools/rules.py --rfcs           the table of docs/rfc-index.md as the sources cite it
    tools/rules.py --write-known    writes tools/rules-known.txt anew

What breaks a rule and is listed in tools/rules-known.txt is passed over; an entry that nothing needs any more fails. --top FOLDER looks at
another tree.
"""
import argparse
import collections
import glob
import os
import re
import shutil
import subprocess
import sys

from csource import bare, complexity, functions, includes, read

KNOWN = "tools/rules-known.txt"

# A folder includes itself and what stands in an earlier layer (ARCHITECTURE.md), so that no two folders include each other.
LAYERS = [["base"], ["net", "address", "mime"], ["compose", "text"], ["config"], ["admin"], ["proc"], ["db"], ["store"],
          ["keys"], ["directory"], ["smtp", "imap"], ["account", "intake", "relay"], ["edge", "supervisor"], ["main"]]

BANNED = ["strcpy", "strcat", "sprintf", "strtok", "atoi", "strtol", "sscanf", "gets", "alloca", "vsprintf", "strncpy",
          "strncat", "malloc", "calloc", "realloc", "system", "popen", "rand", "srand", "mktemp", "tmpnam"]
# free() of what a library has allocated; base/ makes our memory.
FREE_ALLOWED = {"src/address/address.c", "src/main/logview.c", "src/proc/sandbox_test.c"}

FUNCTION_MOST, FILE_MOST, COMPLEXITY_MOST = 60, 800, 15

# Exported names beside those of their folder and file. base/ has no prefix of its own: these are words of the language we write in.
NAMES_ALLOWED = {"main", "panic", "fatal", "siphash24"}
BASE_PREFIXES = ("mem_", "size_", "base64_", "hex_", "ascii_")
# main/main.h declares what runs a command of the command line, whichever file has it, after the command: command_config_show.
MAIN_PREFIXES = ("command_",)
# Names of static functions that say what is done, or when, but not of what.
NOUNLESS = {"on_tick", "on_timer", "on_read", "on_write", "on_event", "on_message", "do_it", "do_work", "set_up", "clean_up", "give_up"}
SHARED_MOST = 2     # files that may have a static function of one name

# Documents that the plan of this program began as, and that are not in the repository.
ABSENT = re.compile(r"\b(?:DESIGN|RATIONALE|LESSONS|FAILURES|CLIENTS|RUNBOX)\b(?: \d+\b)?|\bSTYLE \d+\b|\bWEB\.md\b")

Breach = collections.namedtuple("Breach", "rule path what line words")


def of_rule(name):
    """Marks a function as a rule; it yields (path, what, line, words): `what` is the same as long as it is the same breach."""
    def mark(function):
        RULES[name] = function
        return function
    return mark


RULES = {}


def sources(tests=True):
    found = sorted(glob.glob("src/*/*.[ch]"))
    return [f for f in found if tests or not re.search(r"_(test|fuzz)\.c$|/test_\w+\.h$|base/test\.[ch]$", f)]


def split(path):
    """(folder, file without its ending)"""
    return path.split("/")[1], os.path.splitext(os.path.basename(path))[0]


def texts():
    """(path, text) of each file that somebody wrote: not of what is test data, nor of the lists of these rules."""
    names = subprocess.run(["git", "ls-files", "-co", "--exclude-standard"], stdout=subprocess.PIPE, text=True, check=True).stdout.split("\n")
    for path in names:
        if path and not path.startswith("tests/data/") and "corpus" not in path and path not in ("tools/rules.py", KNOWN) and os.path.isfile(path):
            try:
                yield path, read(path)
            except UnicodeDecodeError:
                pass


# ---- what includes what ----

@of_rule("layers")
def layers():
    rank = {name: i for i, names in enumerate(LAYERS) for name in names}
    shown = {name: i for i, row in enumerate(re.findall(r"^\| \d+ \| ([\w, ]+) \|", read("ARCHITECTURE.md"), re.M))
             for name in row.split(", ")}
    for folder in sorted({split(p)[0] for p in sources()}):
        if folder not in rank or folder not in shown:
            yield "ARCHITECTURE.md", folder, "-", "the folder %s has no layer, there or in LAYERS" % folder
    for a, b in ((a, b) for a in rank for b in rank if a in shown and b in shown):
        if (rank[a] < rank[b]) != (shown[a] < shown[b]):
            yield "ARCHITECTURE.md", "%s %s" % (a, b), "-", "the layers of %s and %s are not those of tools/rules.py" % (a, b)
    for path in sources():
        mine = split(path)[0]
        for include in includes(path):
            other = include.name.split("/")[0]
            if include.own and "/" in include.name and other != mine and rank.get(other, 0) >= rank.get(mine, 0):
                yield path, include.name, include.line, "%s includes %s, which does not stand above it" % (mine, include.name)


def circles(edges):
    """The groups of more than one node that lead to one another (Tarjan)."""
    index, low, stack, found = {}, {}, [], []

    def visit(node):
        index[node] = low[node] = len(index)
        stack.append(node)
        for other in sorted(edges[node]):
            if other not in index:
                visit(other)
            if other in stack:
                low[node] = min(low[node], low[other])
        if low[node] == index[node]:
            group = stack[stack.index(node):]
            del stack[stack.index(node):]
            if len(group) > 1:
                found.append(sorted(group))
    for node in sorted(edges):
        if node not in index:
            visit(node)
    return found


def is_own(first, own):
    """Whether the first include is a file's own header, or the x_int.h that includes it."""
    return first == [own] or (first and first[0].endswith("_int.h") and own in [i.name for i in includes("src/" + first[0])])


@of_rule("includes")
def include_order():
    """Each file once; its own header first, then ours, then the system's; another folder's x_int.h never; and no modules (x.c with
    x.h) that include each other, but for what the files of one folder share in an x_int.h."""
    edges = collections.defaultdict(set)
    product, headers = sources(tests=False), {p[4:] for p in glob.glob("src/*/*.h")}
    for path in sources():
        folder, stem = split(path)
        found = list(includes(path))
        names = [i.name for i in found]
        own = "%s/%s.h" % (folder, stem)
        if path.endswith(".c") and os.path.exists("src/" + own) and not is_own(names[:1], own):
            yield path, "own header", found[0].line if found else 1, "%s is not included first" % own
        for i, include in enumerate(found):
            theirs = include.name.split("/")[0]
            if include.name in names[:i]:
                yield path, include.name, include.line, "%s is included twice" % include.name
            if include.name in headers and not all(before.own for before in found[:i]):
                yield path, include.name, include.line, "%s is included after system headers" % include.name
            if include.own and include.name.endswith("_int.h"):
                if theirs != folder:
                    yield path, include.name, include.line, "%s is for the files of %s" % (include.name, theirs)
                elif path.endswith(".h") and not path.endswith("_int.h") and not stem.startswith("test_"):
                    yield path, include.name, include.line, "%s is not for those who include %s" % (include.name, own)
            elif include.name in headers and path in product and not path.endswith("_int.h"):
                edges["%s/%s" % (folder, stem)].add(include.name[:-2])
    for module in edges:
        edges[module].discard(module)
    for group in circles(collections.defaultdict(set, edges)):
        yield "src/%s.h" % group[0], " ".join(group), "-", "include each other: " + ", ".join(group)


# ---- functions ----

@of_rule("banned")
def banned():
    for path in sources():
        for n, line in enumerate(bare(read(path)).split("\n"), 1):
            for word in re.findall(r"(?<![\w.>])(\w+)\s*\(", line):
                if word in BANNED and not path.startswith("src/base/"):
                    yield path, word, n, "%s() is not used here: base/ has what knows its lengths" % word
                if word == "free" and not path.startswith("src/base/") and path not in FREE_ALLOWED:
                    yield path, word, n, "free(): memory of ours is freed with mem_free"
                if word == "sigaction" or word == "signal" and not re.search(r"\bsignal\(\w+, SIG_(IGN|DFL)\)", line):
                    yield path, word, n, "%s(): no work is done in a signal handler; signals come by signalfd" % word


@of_rule("lengths")
def lengths():
    for path in sources():
        count = read(path).count("\n")
        if count > FILE_MOST:
            yield path, "file", 1, "%d lines; past %d it is two topics" % (count, FILE_MOST)
    for f in all_functions():
        if f.length > FUNCTION_MOST:
            yield f.path, f.name, f.line, "%s has %d lines, more than %d" % (f.name, f.length, FUNCTION_MOST)


@of_rule("complexity")
def complexities():
    for f in all_functions():
        count = complexity(f.body)
        if count > COMPLEXITY_MOST:
            yield f.path, f.name, f.line, "%s has a cyclomatic complexity of %d, more than %d" % (f.name, count, COMPLEXITY_MOST)


def all_functions():
    return [f for path in sources(tests=False) for f in functions(path)]


def prefixes(path):
    """What an exported name may begin with: the folder, the file, whole words that the file begins with, what stands in the file's name
    after the folder's, or a struct that a header of the folder declares (timers_run takes a struct timers); each also in the singular."""
    folder, stem = split(path)
    words = stem.split("_")
    found = [folder] + ["_".join(words[:i]) for i in range(1, len(words) + 1)]
    if stem.startswith(folder + "_"):
        found.append(stem[len(folder) + 1:])
    for header in glob.glob(os.path.dirname(path) + "/*.h"):
        found += re.findall(r"^(?:extern )?(?:const )?struct (\w+)(?: \{|;)", read(header), re.M)
    found += [re.sub("s$", "", name) for name in found]
    return tuple(name + "_" for name in found) + {"base": BASE_PREFIXES, "main": MAIN_PREFIXES}.get(folder, ())


@of_rule("names")
def names():
    where = collections.defaultdict(set)
    for f in all_functions():
        if f.static and f.path.endswith(".c"):
            where[f.name].add(f.path)
    for f in all_functions():
        if not (f.static and f.path.endswith(".c")):
            if f.name not in NAMES_ALLOWED and not f.name.startswith(prefixes(f.path)):
                yield f.path, f.name, f.line, "%s is exported without a prefix of its folder or file" % f.name
        elif "_" not in f.name or f.name in NOUNLESS:
            yield f.path, f.name, f.line, "%s: of what? A static function's name has a noun" % f.name
        elif len(where[f.name]) > SHARED_MOST:
            yield f.path, f.name, f.line, "%s is the name of functions in %d files" % (f.name, len(where[f.name]))


@of_rule("format")
def layout():
    program = shutil.which("clang-format-14") or shutil.which("clang-format")
    version = program and subprocess.run([program, "--version"], stdout=subprocess.PIPE, text=True, check=True).stdout
    if not version or "version 14." not in version:
        raise NotHere("clang-format 14 is not here")
    files = sources() + sorted(glob.glob("tests/*.[ch]") + glob.glob("bench/*.[ch]"))
    said = subprocess.run([program, "--dry-run", "-Werror"] + files, stderr=subprocess.PIPE, text=True).stderr
    seen = set()
    for path, line in re.findall(r"^([\w/.]+):(\d+):\d+: error:", said, re.M):
        if path not in seen:
            seen.add(path)
            yield path, "layout", int(line), "clang-format would lay this out otherwise"


# ---- words ----

def cited():
    found = collections.defaultdict(set)
    for path in sources(tests=False):
        text = re.sub(r"\n \*\s*", " ", read(path))
        for number in re.findall(r"RFC (\d{3,5})", text):
            found[int(number)].add(path[4:])
    return found


@of_rule("rfcs")
def rfcs():
    indexed = {int(n) for n in re.findall(r"^\| (\d+) \|", read("docs/rfc-index.md"), re.M)}
    found = cited()
    for number, paths in sorted(found.items()):
        if number not in indexed:
            yield sorted(paths)[0], str(number), "-", "cites RFC %d, which docs/rfc-index.md does not list" % number
    for number in sorted(indexed - set(found)):
        yield "docs/rfc-index.md", str(number), "-", "lists RFC %d, which no source cites" % number


@of_rule("words")
def words():
    """No path of a machine, no host of a registry, nothing left to do."""
    for path, text in texts():
        for n, line in enumerate(text.split("\n"), 1):
            if re.search(r"(?<![\w.])/(work|home|root)/", line):
                yield path, "path", n, "a path of one machine"
            if re.search(r"\b(TODO|FIXME|XXX)\b", line):
                yield path, "left to do", n, "what is left to do belongs into the tracker"
            if re.search(r"registry\.npmjs|deb\.debian\.org|pypi\.org", line):
                yield path, "registry", n, "a registry's host name"


def titles(path):
    """The headings of a document without their numbers, and the first cells of its tables."""
    text = read(path)
    return set(re.findall(r"^#+ (?:\d+\. )?(.*?)\s*$", text, re.M)) | set(re.findall(r"^\| ([^|]*?) \|", text, re.M))


@of_rule("documents")
def documents():
    """Whoever reads "see there" can: the document is in the repository, the section in it, and the test that a document names as well."""
    for path, text in texts():
        for n, line in enumerate(text.split("\n"), 1):
            for found in ABSENT.findall(line):
                yield path, found, n, "%s is no document of this repository" % found
            for found in re.findall(r"(?<![\w*/.])[\w./-]*\w\.md\b", line):
                if not any(os.path.exists(os.path.join(at, found.lstrip("/"))) for at in (".", "docs", os.path.dirname(path))):
                    yield path, found, n, "%s is no document of this repository" % found
        flat = re.sub(r"\s*\n\s*(?:\*|#|//)?\s*", " ", text)
        for document, sections in re.findall(r'(docs/[\w-]+\.md)((?:(?:,| and)+ "[^"]+")+)', flat):
            for section in re.findall(r'"([^"]+)"', sections):
                if os.path.exists(document) and section not in titles(document):
                    yield path, section, "-", '%s has no section "%s"' % (document, section)
    if os.path.exists("docs/failures.md"):
        for file, test in re.findall(r"`((?:src|tests)/[\w/.]+) (\w+)`", read("docs/failures.md")):
            if not os.path.exists(file) or not re.search(r"\b%s\(" % test, read(file)):
                yield "docs/failures.md", "%s %s" % (file, test), "-", "%s has no test %s" % (file, test)


# ---- the whole ----

class NotHere(Exception):
    """What a rule needs is not installed."""


def breaches(rule):
    return [Breach(rule, path, what, line, said) for path, what, line, said in RULES[rule]()]


def known():
    """{(rule, path, what)}"""
    lines = read(KNOWN).split("\n") if os.path.exists(KNOWN) else []
    return {tuple(line.split(" ", 2)) for line in lines if line and not line.startswith("#")}


def write_known():
    found = sorted({b[:3] for rule in RULES for b in breaches(rule)})
    if os.path.exists(KNOWN):
        os.remove(KNOWN)
    if not found:
        return
    with open(KNOWN, "w") as f:
        f.write("# What breaks a rule of tools/rules.py and is to be mended: rule, file, what. `tools/rules.py --write-known` writes it.\n")
        f.writelines("%s %s %s\n" % line for line in found)


def check(chosen):
    expected = known()
    failed = passed = 0
    for rule in chosen:
        try:
            found = breaches(rule)
        except NotHere as why:
            print("%s is not checked: %s" % (rule, why))
            continue
        new = [b for b in found if b[:3] not in expected]
        needless = sorted(k for k in expected if k[0] == rule and k not in {b[:3] for b in found})
        for b in new:
            print("%s:%s: %s (%s)" % (b.path, b.line, b.words, rule))
        for line in needless:
            print("%s: needed no longer: %s %s %s" % (KNOWN, *line))
        failed += bool(new or needless)
        passed += not (new or needless)
    print("%d passed, %d failed" % (passed, failed))
    return 1 if failed or not passed else 0


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter, usage=argparse.SUPPRESS)
    for option in ("--names", "--worst", "--rfcs", "--write-known"):
        parser.add_argument(option, action="store_true")
    parser.add_argument("--top", default=os.path.join(os.path.dirname(__file__), ".."))
    parser.add_argument("rule", nargs="*", choices=[[], *RULES])
    options = parser.parse_args()
    os.chdir(options.top)
    if options.worst:
        for what, measure in (("lines", lambda f: f.length), ("complexity", lambda f: complexity(f.body))):
            for f in sorted(all_functions(), key=measure, reverse=True)[:10]:
                print("%4d %s  %s:%d  %s" % (measure(f), what, f.path, f.line, f.name))
    elif options.rfcs:
        for number, paths in sorted(cited().items()):
            print("| %d | %s |" % (number, ", ".join(sorted(paths))))
    elif options.names:
        for b in breaches("names"):
            print("%s:%s: %s" % (b.path, b.line, b.words))
    elif options.write_known:
        write_known()
    else:
        return check(options.rule or RULES)
    return 0


sys.exit(main())
