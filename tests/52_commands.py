#!/usr/bin/env python3
"""The table of commands (src/admin/commands.h), row by row: what each does with every option, and what it says to bad input. A row or
an option that is not called here fails."""
import json
import os
import re
import signal
import subprocess

import answers
from control import Control
from harness import DOMAIN, PASSWORD, POSTHUS, TOP, Server, main, run, until

TABLE = answers.table(POSTHUS)
ROWS = TABLE["commands"]
ADA, EVA = "ada@" + DOMAIN, "eva@" + DOMAIN
CONTROL = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")


def posthus(server, *words, input=None):
    return subprocess.run([POSTHUS, *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=60, input=input,
                          env=dict(os.environ, POSTHUS_DATA=server.data))


# ---- good input ----

def same(**want):
    """The answer has these."""
    def look(got):
        assert {k: got.get(k) for k in want} == want, got
    return look


def rows(n, **want):
    """A list of n rows of which one has these."""
    def look(got):
        assert len(got) == n and (not want or any({k: r.get(k) for k in want} == want for r in got)), got
    return look


def made(key):
    """A password is shown."""
    def look(got):
        assert len(got[key]) > 15, got
    return look


def given(got):
    assert "password" not in got and "app_password" not in got, got


# (words, input, what the answer is looked at by), in this order, on one server with ada and ben.
GOOD = [
    (["init", "--data", "{new}1", "--hostname", "mx.example.org"], None, same()),
    (["init", "--data", "{new}2", "--set", "hashers=2", "--set=message-size = 1M"], None, same()),
    (["status"], None, same(state="serving", attention=[])),
    (["status", "--counters"], None, same(state="serving")),
    (["reload"], None, same(reloaded=True)),
    (["domain", "add", "second.test"], None, same(domain="second.test")),
    (["domain", "list"], None, rows(2, domain=DOMAIN, addresses=2)),
    (["account", "add", EVA, "--quota", "3M"], None, made("password")),
    (["account", "add", "fay@" + DOMAIN, "--app-password"], None, made("app_password")),
    (["account", "add", "gus@" + DOMAIN, "--password-stdin"], "correct-horse-8", given),
    (["account", "add", "u%02d@" + DOMAIN, "--many", "3"], None, same(accounts=3, account="u01@" + DOMAIN)),
    (["account", "list"], None, rows(8, account=EVA, quota=3 << 20)),
    (["account", "list", "--problems"], None, rows(0)),
    (["account", "show", EVA], None, same(account=EVA, quota=3 << 20, aliases=[], subaddress_folders=False)),
    (["account", "set", EVA, "--quota", "5G"], None, same(quota=5 << 30, subaddress_folders=False)),
    (["account", "set", EVA, "--subaddress-folders", "yes"], None, same(quota=5 << 30, subaddress_folders=True)),
    (["account", "password", EVA], None, made("password")),
    (["account", "password", EVA, "--password-stdin"], PASSWORD, given),
    (["account", "check", EVA], None, same(ok=True, account=EVA)),
    (["account", "check", EVA, "--repair"], None, same(ok=True, account=EVA)),
    (["app-password", "add", EVA, "--name", "phone"], None, made("app_password")),
    (["account", "app-password", EVA, "--name=--odd--", "--scope", "imap pop3", "--read-only", "--days", "30"], None,
     made("app_password")),
    (["app-password", "add", EVA, "--name", "old", "--password-stdin"], "aaaa-bbbb-cccc-dddd-eeee-ffff-gg", given),
    (["app-password", "list", EVA], None, rows(3, name="--odd--", scope="imap pop3", read_only=True)),
    (["app-password", "end", EVA, "{last}"], None, same(account=EVA)),
    (["app-password", "list", EVA], None, rows(2)),
    (["alias", "add", "all@second.test", EVA], None, same(alias="all@second.test", account=EVA)),
    (["alias", "list"], None, rows(1, alias="all@second.test", account=EVA)),
    (["alias", "remove", "all@second.test"], None, same(removed="all@second.test")),
    (["audit", "list"], None, None),
    (["audit", "verify"], None, same(ok=True)),
    (["account", "remove", EVA], None, same(removed=EVA)),
    (["log"], None, None),
    (["log", "--role", "directory", "--event", "admin", "--lines", "2"], None, None),
    (["config", "check"], None, same(ok=True)),
    (["config", "show"], None, same(hostname="localhost")),
    (["version"], None, same(version=TABLE["version"])),
]
# What prints text, with a word that it must have.
TEXTS = [
    (["config", "show", "--sample"], "#message-size = 50M"),
    (["config", "show", "--man"], ".Dt POSTHUS.CONF 5"),
    (["config", "show", "--fingerprint"], ":"),
    (["completion", "bash"], "complete -F _posthus posthus"),
    (["schema"], '"account add"'),
    (["help"], "account add ADDRESS"),
    (["help", "account"], "posthus account set ADDRESS"),
    (["help", "account", "add"], "--quota BYTES"),
    (["help", "--man"], ".Sh COMMANDS"),
    (["--help"], "account add ADDRESS"),
    (["--version"], "posthus " + TABLE["version"]),
]
# Called by other tests of this file.
ELSEWHERE = {"serve": {"ready_fd"}, "trace": {"id"}, "log": {"follow"}}


def test_every_row_does_what_it_says_with_every_option():
    called = {name: set(taken) for name, taken in ELSEWHERE.items()}
    last = None

    def note(words):
        name = answers.named(POSTHUS, words)
        if name:
            taken = called.setdefault(name, set())
            options = {a["spelling"]: k for k, a in ROWS[name]["arguments"]["properties"].items()}
            taken.update(options[w.split("=")[0]] for w in words if w.split("=")[0] in options)
            taken.update(k for s, k in options.items() if not s.startswith("-"))

    with Server() as s:
        for words, input, look in GOOD:
            words = [w.replace("{new}", s.folder.name + "/new").replace("{last}", str(last)) for w in words]
            note(words)
            if "--data" in words:
                out = run([POSTHUS, *words, "--json"])
                answers.look_at(POSTHUS, words[:1], out)
            else:
                out = s.admin(*words, input=input)
            if look:
                look(json.loads(out))
            if ROWS[answers.named(POSTHUS, words)]["right"] in ("see", "folder", "nothing") and words[0] != "init":
                p = posthus(s, *words)                      # and for a person
                assert p.returncode == 0 and p.stdout and p.stderr == "", (words, p)
                assert not CONTROL.search(p.stdout), (words, p.stdout)
            if '"id": ' in out and "last_hash" not in out and words[0] in ("account", "app-password"):
                last = re.findall(r'"id": (\d+)', out)[-1]
        for words, want in TEXTS:
            note(words)
            p = posthus(s, *words)
            assert p.returncode == 0 and want in p.stdout and p.stderr == "", (words, p)
    for name, row in ROWS.items():
        assert name in called, "no test calls " + name
        missing = set(row["arguments"]["properties"]) - called[name]
        assert not missing, (name, "no test gives", missing)


def test_the_audit_log_tells_of_every_change():
    changes = [
        (["domain", "add", "second.test"], "domain add", "second.test", ""),
        (["account", "add", EVA], "account add", EVA, ""),
        (["account", "set", EVA, "--quota", "1M"], "account set", EVA, "quota 1048576, subaddress-folders no"),
        (["account", "password", EVA], "account password", EVA, ""),
        (["app-password", "add", EVA, "--name", "phone"], "app-password add", EVA, "phone"),
        (["app-password", "end", EVA, "{last}"], "app-password end", EVA, "phone"),
        (["alias", "add", "x@second.test", EVA], "alias add", "x@second.test", EVA),
        (["alias", "remove", "x@second.test"], "alias remove", "x@second.test", ""),
        (["account", "remove", EVA], "account remove", EVA, ""),
    ]
    with Server() as s:
        last = None
        for words, what, object, detail in changes:
            before = json.loads(s.admin("audit", "list"))
            out = json.loads(s.admin(*[w.replace("{last}", str(last)) for w in words]))
            last = out.get("id", last)
            after = json.loads(s.admin("audit", "list"))
            row = after[-1]
            assert after[:-1] == before and row["row"] == len(after), (words, after)
            assert (row["who"], row["what"], row["object"], row["detail"]) == ("operator", what, object, detail), row
            until(lambda: any('command="%s"' % " ".join(words[:2]) in line for line in s.log("admin")))
        assert json.loads(s.admin("audit", "verify"))["rows"] == len(after)


def test_answers_and_the_audit_log_name_what_the_lists_name():
    """Whichever of its addresses an account was called by, and however that was written."""
    zoe, all = "zo\u00eb@xn--mller-kva.test", "all@xn--mller-kva.test"
    calls = [
        (["domain", "add", "M\u00fcller.test"], "domain", "xn--mller-kva.test"),
        (["account", "add", "Zo\u00eb@m\u00fcller.test"], "account", zoe),
        (["alias", "add", "All@m\u00fcller.test", zoe], "alias", all),
        (["account", "set", "ALL@m\u00fcller.test", "--quota", "1M"], "account", zoe),
        (["account", "password", all], "account", zoe),
        (["app-password", "add", "all+x@m\u00fcller.test", "--name", "x"], "account", zoe),
        (["alias", "remove", "ALL@m\u00fcller.test"], "removed", all),
        (["account", "remove", "ZO\u00cb@M\u00dcLLER.test"], "removed", zoe),
    ]
    with Server() as s:
        for words, field, name in calls:
            assert json.loads(s.admin(*words))[field] == name, words
            row = json.loads(s.admin("audit", "list"))[-1]
            assert (row["what"], row["object"]) == (" ".join(words[:2]), name), row


def test_an_app_password_that_was_ended_opens_nothing():
    with Server() as s:
        made = json.loads(s.admin("app-password", "add", ADA, "--name", "phone"))
        other = json.loads(s.admin("app-password", "add", ADA, "--name", "tablet"))
        s.login("ada", made["app_password"]).logout()
        s.admin("app-password", "end", ADA, str(made["id"]))
        try:
            s.login("ada", made["app_password"])
            raise AssertionError("it still opens the account")
        except Exception as e:
            assert "AUTHENTICATIONFAILED" in str(e), e
        s.login("ada", other["app_password"]).logout()
        p = posthus(s, "app-password", "end", "ben@" + DOMAIN, str(other["id"]))      # somebody else's
        assert p.returncode == 1 and "has no app password" in p.stderr, p
        s.login("ada", other["app_password"]).logout()


# ---- bad input, made from the table ----

# Words that a row must have, to be good but for one thing.
SAMPLES = {"address": ADA, "alias": "nosuch@" + DOMAIN, "domain": "nosuch.test", "name": "x", "id": "99", "shell": "bash"}


def is_option(argument):
    return argument["spelling"].startswith("-")


def is_flag(argument):
    return is_option(argument) and "placeholder" not in argument


def good_words(name, row):
    """The least that a row wants."""
    words, takes = name.split(" "), row["arguments"]
    for key in takes["required"]:
        a = takes["properties"][key]
        words += [a["spelling"], SAMPLES[key]] if is_option(a) else [SAMPLES[key]]
    return words


def typed_wrongly(spelling):
    """--quota as --qota."""
    return spelling[:3] + spelling[4:] if len(spelling) > 4 else spelling + "z"


def wrong_values(argument):
    """Values that are not of its type, and what is said of them."""
    if argument["type"] == "integer":
        yield "abc", "wants"
        yield "", "wants"
        if argument["minimum"] > 0:
            yield str(argument["minimum"] - 1), "must be"
        yield str(argument["maximum"] + 1), "must be"
        yield "-1", "wants"
    elif argument["type"] == "boolean" and not is_flag(argument):
        yield "maybe", "wants yes or no"
    elif argument["type"] == "array":
        yield "nothing", "wants KEY=VALUE"
    elif "enum" in argument:
        yield "nosuch", "wants"
    elif argument.get("format") == "email":
        yield "nobody", "is not an address"
        yield "a\tb@c.test", "control character"
    elif argument.get("format") == "hostname":
        yield "a..b", "domain name"
    elif argument["type"] == "string":
        yield "a\nb", "control character"
        yield "", "is empty"


def mistakes(name, row):
    """(words, what is said of them): each wrong in one way."""
    good = good_words(name, row)
    takes = row["arguments"]["properties"]
    everywhere = TABLE["everywhere"]["properties"]
    for key, a in list(takes.items()) + list(everywhere.items()):
        spelling = a["spelling"]
        if not is_option(a) or spelling == "--help":
            continue
        wrong = typed_wrongly(spelling)
        yield good + [wrong], "%s has no option %s" % (name, wrong) + ("; did you mean %s?" % spelling if len(spelling) > 4 else "")
        if is_flag(a):
            yield good + [spelling + "=yes"], "%s takes no value" % spelling
            if key in takes:
                yield good + [spelling, spelling], "%s is given twice" % spelling
        else:
            yield good + [spelling], "%s wants %s" % (spelling, a["placeholder"])
            yield good + [spelling, "--json"], "%s wants %s" % (spelling, a["placeholder"])
            value = {"integer": str(a.get("minimum", 0)), "boolean": "yes"}.get(a["type"], "all")
            if a["type"] != "array" and key not in row["arguments"]["required"]:
                yield good + [spelling, value, spelling, value], "%s is given twice" % spelling
            if key not in row["arguments"]["required"]:
                for bad, words in wrong_values(a):
                    yield good + [spelling + "=" + bad], words
    for key in row["arguments"]["required"]:
        a, at = takes[key], good.index(SAMPLES[key])
        yield good[:at - is_option(a)] + good[at + 1:], " wants " if at == len(good) - 1 or is_option(a) else ""
        for bad, words in wrong_values(a):
            if bad and not bad.startswith("-"):
                yield good[:at] + [bad] + good[at + 1:], words
    words = [a for a in takes.values() if not is_option(a)]
    many = ["many"] * (1 + sum(1 for a in words if a["spelling"] not in good and name == "help"))
    yield good + many, "one word too many"


def test_every_row_refuses_what_it_does_not_take_and_changes_nothing():
    def everything():
        return [s.admin(*w) for w in (["domain", "list"], ["account", "list"], ["alias", "list"], ["audit", "list"],
                                      ["account", "show", ADA])]

    tried = {}
    with Server() as s:
        before = everything()
        for name, row in ROWS.items():
            for words, want in mistakes(name, row):
                p = posthus(s, *words)
                assert p.returncode == 2, (words, want, p)
                assert p.stdout == "" and p.stderr.startswith("posthus: ") and want in p.stderr, (words, want, p)
                assert p.stderr.count("\n") == 1 and not CONTROL.search(p.stderr), p.stderr
                tried[name] = tried.get(name, 0) + 1
        assert everything() == before
    assert set(tried) == set(ROWS) and sum(tried.values()) > 250, tried


def test_help_of_every_row_names_all_that_it_takes():
    for name, row in ROWS.items():
        out = run([POSTHUS, *name.split(" "), "--help"])
        assert out == run([POSTHUS, "--help", *name.split(" ")]) == run([POSTHUS, "help", *name.split(" ")])
        for a in row["arguments"]["properties"].values():
            assert a["spelling"] in out, (name, a, out)
        assert max(map(len, out.split("\n"))) < 80, out
    for name in {n.split(" ")[0] for n in ROWS}:
        out = run([POSTHUS, "help", name])
        assert max(map(len, out.split("\n"))) < 80, out
    p = subprocess.run([POSTHUS], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert p.returncode == 2 and p.stdout == "" and "help" in p.stderr, p
    p = subprocess.run([POSTHUS, "help", "acount"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert p.returncode == 2 and "did you mean account?" in p.stderr, p


def test_the_manual_has_the_commands_of_the_table():
    with open(TOP + "/man/posthus.8") as f:
        assert run([POSTHUS, "help", "--man"]) in f.read(), "run tools/man-commands"


def test_options_may_stand_anywhere():
    with Server() as s:
        for words in (["--json", "account", "list"], ["account", "--json", "list"], ["account", "list", "--json"],
                      ["--data", s.data, "account", "list", "--json"], ["--data=" + s.data, "--json", "account", "list"]):
            out = json.loads(posthus(s, *words).stdout)
            assert [r["account"] for r in out] == [ADA, "ben@" + DOMAIN], (words, out)
        p = posthus(s, "--password-stdin", "account", "--json", "password", ADA, input="another-password")
        assert p.returncode == 0 and json.loads(p.stdout) == {"account": ADA}, p
        assert s.login("ada", "another-password").select("INBOX")[0] == "OK"


def test_a_trace_follows_one_session():
    with Server() as s:
        s.send(ADA, "Subject: x\r\n\r\nhello\r\n")
        id = until(lambda: s.log("mail-accepted"))[0].split(" ")[2]
        events = [json.loads(line)["event"] for line in s.admin("trace", id).splitlines()]
        assert "mail-accepted" in events and "mail-delivered" in events, events
        p = subprocess.Popen([POSTHUS, "log", "-f", "--lines", "1", "--data", s.data], stdout=subprocess.PIPE, text=True)
        try:
            p.stdout.readline()
            s.admin("domain", "add", "second.test")
            while "second.test" not in p.stdout.readline():
                pass
        finally:
            p.kill()
            p.wait()


def test_what_a_peer_of_the_control_socket_sends_is_checked_again():
    """The command line is not the only one who can write to the socket: the server believes none of it."""
    with Server() as s:
        for items, want in (
                ([b"account add", b"", b"address=nobody"], "is not an address"),
                ([b"account add", b"", b"address=x@example.test", b"many=999999999"], "must be 1 to 100000"),
                ([b"account add", b"", b"address=x@example.test", b"nonsense=1"], "takes no"),
                ([b"account add", b""], "wants ADDRESS"),
                ([b"account add"], "there is no command"),
                ([], "there is no command"),
                ([b"account dance", b""], "there is no command"),
                ([b"init", b""], "is not carried out by the server"),
                ([b"account list", b"zzz"], "no page of account list begins there"),
                ([b"account list", b"x" * 700], "no page of account list begins there"),
                ([b"account show", b"alias:zzz", b"address=ada@example.test"], "no page of account show begins there"),
                ([b"domain list", b"zzz"], "no page of domain list begins there"),
                ([b"alias list", b"zzz"], "no page of alias list begins there"),
                ([b"audit list", b"zzz"], "no page of audit list begins there")):
            with Control(s) as c:
                c.send_items(items)
                failed, following, text = c.receive()
                assert failed and not following and want in json.loads(text)["error"], (items, text)
        directory = s.pids("directory")[0]
        os.kill(directory, signal.SIGSTOP)      # so that the first has no answer yet
        try:
            with Control(s) as c:               # two questions at once: goodbye
                c.send("domain list")
                c.send("domain list")
                assert c.receive() is None
        finally:
            os.kill(directory, signal.SIGCONT)
        with Control(s) as c:       # one after the other: each is answered
            for _ in range(3):
                assert c.pages("domain list")[0][1] == [{"domain": DOMAIN, "addresses": 2}]
        assert len(json.loads(s.admin("account", "list"))) == 2


main()
