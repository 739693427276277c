#!/usr/bin/env python3
"""tools/rules.py: a small tree that keeps all rules, and for each rule what breaks it."""
import os
import shutil
import subprocess
import tempfile

from harness import TOP, main, marks, run

pytestmark = marks("plain")

ARCHITECTURE = "| layer | folders | what |\n| --- | --- | --- |\n| 1 | base | x |\n| 2 | net, mime | x |\n| 3 | smtp, imap | x |\n"
CLEAN = {
    "ARCHITECTURE.md": ARCHITECTURE,
    "docs/design.md": "# Design\n\n## 1. The vault\n\nSealed.\n",
    "docs/failures.md": "# Failures\n\n| what | test |\n| --- | --- |\n| SMTP smuggling | `src/smtp/path_test.c a_dot_never_comes_twice` |\n",
    "docs/rfc-index.md": "| 5321 | SMTP |\n",
    "src/base/base.h": "void mem_free(void *p);\n",
    "src/net/stream.h": '#include "base/base.h"\n\nvoid net_stream_begin(void);\n',
    "src/net/stream.c": '#include "net/stream.h"\n\n#include <string.h>\n\nvoid net_stream_begin(void)\n{\n}\n',
    "src/smtp/path.h": "void smtp_path_read(void);\nvoid path_print(void);\n",
    "src/smtp/path.c": '#include "smtp/path.h"\n\n#include "net/stream.h"\n\n#include <string.h>\n\n/* RFC 5321 section 4.1.2; see docs/design.md, '
                       '"The\n * vault", and docs/failures.md, "SMTP smuggling". */\nstatic int path_length(int n)\n{\n    return n;\n}\n\n'
                       'void smtp_path_read(void)\n{\n    path_length(1);\n}\n\nvoid path_print(void)\n{\n}\n',
    "src/smtp/path_test.c": '#include "smtp/path.c"\n\nstatic void a_dot_never_comes_twice(void)\n{\n}\n\nint main(void)\n{\n'
                            "    a_dot_never_comes_twice();\n}\n",
    "tools/check.sh": "true\n",
    "README.md": "See [the design](docs/design.md), or design.md.\n",
}


def function(body, head="static void path_read(void)"):
    return "%s\n{\n%s}\n" % (head, body)


def switch(cases, row):
    return "    switch (n) {\n" + "".join("    case %d:\n%s" % (i, row) for i in range(cases)) + "    }\n"


PLENTY = "    a();\n" * 57        # with head, braces and what is around it 60 lines
# (rule, file, its new content or None, what is said of it; None: nothing)
ROWS = [
    ("layers", "src/net/stream.c", '#include "net/stream.h"\n\n#include "smtp/path.h"\n', "net includes smtp/path.h, which does not stand above it"),
    ("layers", "src/mime/part.c", '#include "net/stream.h"\n', "mime includes net/stream.h"),
    ("layers", "src/sieve/lexer.c", "int x;\n", "the folder sieve has no layer"),
    ("layers", "ARCHITECTURE.md", ARCHITECTURE.replace("net, mime", "smtp").replace("| 3 | smtp, imap", "| 3 | net, mime"),
     "the layers of net and smtp are not those"),
    ("includes", "src/smtp/path.c", '#include "net/stream.h"\n\n#include "smtp/path.h"\n', "smtp/path.h is not included first"),
    ("includes", "src/smtp/path.c", '#include <string.h>\n', "smtp/path.h is not included first"),
    ("includes", "src/smtp/path.c", '#include "smtp/path.h"\n\n#include <string.h>\n\n#include "net/stream.h"\n', "after system headers"),
    ("includes", "src/smtp/path.c", '#include "smtp/path.h"\n#include "smtp/path.h"\n', "smtp/path.h is included twice"),
    ("includes", "src/smtp/path.c", '#include "smtp/path.h"\n\n#include <string.h>\n#include <string.h>\n', "string.h is included twice"),
    ("includes", "src/smtp/path.c", '#include "smtp/path.h"\n\n#include "net/net_int.h"\n', "net/net_int.h is for the files of net"),
    ("includes", "src/smtp/path.h", '#include "smtp/smtp_int.h"\n', "smtp/smtp_int.h is not for those who include smtp/path.h"),
    ("includes", "src/smtp/path.h", '#include "smtp/reply.h"\n', "include each other: smtp/path, smtp/reply"),
    ("banned", "src/smtp/path.c", function("    strcpy(a, b);\n"), "strcpy() is not used here"),
    ("banned", "src/smtp/path.c", function("    free(a);\n"), "free(): memory of ours"),
    ("banned", "src/smtp/path.c", function("    signal(SIGHUP, SIG_IGN);\n"), None),
    ("banned", "src/smtp/path.c", function("    signal(SIGHUP, on_hangup);\n"), "no work is done in a signal handler"),
    ("banned", "src/smtp/path.c", function("    sigaction(SIGHUP, &act, NULL);\n"), "no work is done in a signal handler"),
    ("banned", "src/smtp/path.c", '/* strcpy(a, b); */\n' + function('    a("strcpy(a, b);");\n'), None),
    ("lengths", "src/smtp/path.c", function(PLENTY), None),
    ("lengths", "src/smtp/path.c", function(PLENTY + "    a();\n"), "path_read has 61 lines, more than 60"),
    ("lengths", "src/smtp/path_test.c", function(PLENTY + "    a();\n") + CLEAN["src/smtp/path_test.c"], None),
    ("lengths", "src/smtp/path.h", "int x;\n" * 801, "801 lines; past 800"),
    ("complexity", "src/smtp/path.c", function("    if (a)\n        b();\n" * 14), None),
    ("complexity", "src/smtp/path.c", function("    if (a)\n        b();\n" * 15), "path_read has a cyclomatic complexity of 16, more than 15"),
    ("complexity", "src/smtp/path.c", function("    a = (b && c) || d ? e : f;\n" * 5), "complexity of 16"),
    ("complexity", "src/smtp/path.c", function("    for (;;)\n        while (a)\n            b();\n" * 8), "complexity of 17"),
    ("complexity", "src/smtp/path.c", function(switch(20, "        return 5;\n")), None),
    ("complexity", "src/smtp/path.c", function(switch(20, "        a = 5;\n        break;\n")), None),
    ("complexity", "src/smtp/path.c", function(switch(20, "        b(a);\n        break;\n")), "complexity of 21"),
    ("complexity", "src/smtp/path.c", function(switch(14, "        return 5;\n") + switch(14, "        return a && b;\n")), "complexity of 17"),
    ("complexity", "src/smtp/path.c", function('    /* if if if */\n    a("if (x) && \\" || ?");\n' * 16), None),
    ("names", "src/smtp/path.c", function("", "void read_path(void)"), "read_path is exported without a prefix"),
    ("names", "src/smtp/path.c", function("", "const char *smtp_path(int (*f)(int), int n)"), None),
    ("names", "src/smtp/reply.h", "struct line;\n\nvoid line_end(struct line *l)\n{\n}\n", None),
    ("names", "src/smtp/smtp_path.c", function("", "void path_end(void)"), None),
    ("names", "src/base/base.h", function("", "static inline void begin_all(void)"), "begin_all is exported without a prefix"),
    ("names", "src/smtp/path.c", function("", "static void begin(void)"), "begin: of what?"),
    ("names", "src/smtp/path.c", function("", "static void on_timer(void)"), "on_timer: of what?"),
    ("names", "src/smtp/path_test.c", function("", "static void begin(void)"), None),
    ("format", "src/smtp/path.c", "int  x;\n", "clang-format would lay this out otherwise"),
    ("format", "tests/dump.c", "int  x;\n", "clang-format would lay this out otherwise"),
    ("rfcs", "src/smtp/path.c", "/* RFC 5321, RFC\n * 9051 */\n", "cites RFC 9051, which docs/rfc-index.md does not list"),
    ("rfcs", "src/smtp/path.c", "int x;\n", "lists RFC 5321, which no source cites"),
    ("words", "src/smtp/path.c", "/* TO" "DO */\n", "belongs into the tracker"),
    ("words", "README.md", "in /wo" "rk/main\n", "a path of one machine"),
    ("documents", "src/smtp/path.c", "/* see RATION" "ALE 2 */\n", "is no document of this repository"),
    ("documents", "tests/10_x.py", "# DES" "IGN, Processes\n", "is no document of this repository"),
    ("documents", "README.md", "See docs/rationale" ".md.\n", "docs/rationale" ".md is no document of this repository"),
    ("documents", "src/smtp/path.c", '/* docs/design.md, "The vault" and\n * "No such" */\n', 'docs/design.md has no section "No such"'),
    ("documents", "src/smtp/path_test.c", "int x;\n", "src/smtp/path_test.c has no test a_dot_never_comes_twice"),
]


class Tree:
    """CLEAN as a repository."""

    def __init__(self):
        self.folder = tempfile.TemporaryDirectory(prefix="posthus-rules-")
        run(["git", "init", "-q", self.folder.name])
        shutil.copy(TOP + "/.clang-format", self.folder.name)
        for path, text in CLEAN.items():
            self.write(path, text)
        # What some rows include; each is there in all of them.
        self.write("src/net/net_int.h", "int net_x;\n")
        self.write("src/smtp/smtp_int.h", "int smtp_x;\n")
        self.write("src/smtp/reply.h", '#include "smtp/path.h"\n')

    def write(self, path, text):
        full = os.path.join(self.folder.name, path)
        os.makedirs(os.path.dirname(full), exist_ok=True)
        with open(full, "w") as f:
            f.write(text)

    def back(self, path):
        if path in CLEAN:
            self.write(path, CLEAN[path])
        else:
            os.remove(os.path.join(self.folder.name, path))

    def rules(self, *words):
        return subprocess.run([TOP + "/tools/rules.py", "--top", self.folder.name, *words], stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, text=True)

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.folder.cleanup()


def test_what_breaks_a_rule_is_found():
    with Tree() as t:
        p = t.rules()
        assert p.returncode == 0 and p.stdout == "10 passed, 0 failed\n", p.stdout
        assert {row[0] for row in ROWS} == set("layers includes banned lengths complexity names format rfcs words documents".split())
        for rule, path, text, said in ROWS:
            t.write(path, text)
            p = t.rules(rule)
            if said:
                assert p.returncode == 1 and said in p.stdout and "0 passed, 1 failed" in p.stdout, (rule, text, p.stdout)
            else:
                assert p.returncode == 0 and p.stdout == "1 passed, 0 failed\n", (rule, text, p.stdout)
            t.back(path)


def test_three_files_do_not_share_a_name():
    with Tree() as t:
        for i in range(3):
            t.write("src/smtp/x%d.c" % i, function("", "static void read_some(void)"))
            p = t.rules("names")
            assert p.returncode == (i == 2), p.stdout
        assert p.stdout.count("read_some is the name of functions in 3 files") == 3, p.stdout


def test_what_is_known_passes_and_what_is_known_in_vain_fails():
    with Tree() as t:
        t.write("src/smtp/path.c", CLEAN["src/smtp/path.c"] + function("", "void read_path(void)"))
        assert t.rules().returncode == 1
        assert t.rules("--write-known").returncode == 0
        assert t.rules().returncode == 0
        assert "read_path" in t.rules("--names").stdout
        t.write("src/smtp/path.c", CLEAN["src/smtp/path.c"] + function("", "void print_path(void)"))
        p = t.rules("names")
        assert "print_path is exported" in p.stdout and "needed no longer: names src/smtp/path.c read_path" in p.stdout, p.stdout
        t.back("src/smtp/path.c")
        assert t.rules("names").returncode == 1
        assert t.rules("banned").returncode == 0


main()
