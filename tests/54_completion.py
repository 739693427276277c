#!/usr/bin/env python3
"""`posthus completion bash`, asked as bash asks it: for every noun, verb and option of the table, and for values."""
import subprocess
import tempfile

import answers
from harness import POSTHUS, main, run

TABLE = answers.table(POSTHUS)
ROWS = TABLE["commands"]
EVERYWHERE = {"--data", "--json", "--help"}


def complete(*lines):
    """What bash offers at the end of each of these lines. COMP_WORDS is made as bash makes it: "=" is a word of its own."""
    script = ["source <(%s completion bash)" % POSTHUS, "complete -p posthus >/dev/null || exit 9"]
    for line in lines:
        words = line.replace("=", " = ").split(" ")
        script += ["COMP_WORDS=(%s)" % " ".join("'%s'" % w for w in words), "COMP_CWORD=%d" % (len(words) - 1),
                   "COMPREPLY=()", "_posthus", 'echo "${COMPREPLY[@]}"']
    p = subprocess.run(["bash", "--norc", "-c", "\n".join(script)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                       timeout=60)
    assert p.returncode == 0 and p.stderr == "", p
    return [set(line.split()) for line in p.stdout.split("\n")[:-1]]


def options(row):
    return {a["spelling"] for a in row["arguments"]["properties"].values() if a["spelling"].startswith("-")}


def test_nouns_verbs_and_options_are_those_of_the_table():
    nouns = {name.split(" ")[0] for name in ROWS}
    names = sorted(set(ROWS) | {s for row in ROWS.values() for s in row["synonyms"]})
    verbs = {noun: {n.split(" ")[1] for n in names if n.startswith(noun + " ")} for noun in nouns}
    with_verbs = sorted(noun for noun in nouns if verbs[noun])
    assert complete("posthus ") == [nouns]
    assert complete("posthus -") == [EVERYWHERE]
    got = complete(*["posthus %s " % noun for noun in with_verbs])
    assert got == [verbs[noun] for noun in with_verbs], (with_verbs, got)
    got = complete(*["posthus %s -" % name for name in names])
    for name, offered in zip(names, got):
        row = ROWS.get(name) or next(r for r in ROWS.values() if name in r["synonyms"])
        assert offered == options(row) | EVERYWHERE, (name, offered)


def test_half_a_word_is_completed():
    got = complete("posthus acc", "posthus account sh", "posthus account add x@y.z --qu", "posthus --json acc", "posthus account --json sh",
                   "posthus --data /tmp dom", "posthus nosuch ", "posthus account nosuch --", "posthus app")
    assert got == [{"account"}, {"show"}, {"--quota"}, {"account"}, {"show"}, {"domain"}, set(), EVERYWHERE, {"app-password"}], got


def test_values_are_offered_where_they_are_known():
    with tempfile.TemporaryDirectory(prefix="posthus-test-") as folder:
        run(["mkdir", folder + "/data-of-mine"])
        got = complete("posthus account set x@y.z --subaddress-folders ", "posthus account set x@y.z --subaddress-folders=",
                       "posthus account set x@y.z --subaddress-folders=y", "posthus app-password add x@y.z --scope im",
                       "posthus completion ", "posthus status --data %s/data" % folder, "posthus account add x@y.z --quota ")
        assert got == [{"yes", "no"}, {"yes", "no"}, {"yes"}, {"imap"}, {"bash"} | EVERYWHERE, {folder + "/data-of-mine"},
                       set()], got


def test_a_shell_that_is_not_there_sources_it_without_a_word():
    p = subprocess.run(["bash", "--norc", "-uc", "source <(%s completion bash)" % POSTHUS], stdout=subprocess.PIPE,
                       stderr=subprocess.STDOUT, text=True, timeout=60)
    assert p.returncode == 0 and p.stdout == "", p


main()
