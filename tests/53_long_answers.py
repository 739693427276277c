#!/usr/bin/env python3
"""Answers of any length: in pages that the reader asks for, whole and without gaps, without anybody holding all of it, and whoever
reads slowly or goes away harms nobody."""
import array
import fcntl
import json
import os
import re
import subprocess
import termios

import answers
from control import Control
from harness import DOMAIN, POSTHUS, Server, main, run, until, marks

pytestmark = marks("alone", "plain")

MANY = 100000
PAGE_MOST = 60000       # bytes; directory/admin.c


def most_memory(pid):
    """kB that the process has had at most."""
    return int(re.search(r"VmHWM:\s+(\d+)", open("/proc/%d/status" % pid).read()).group(1))


def waiting_bytes(pipe):
    """What has been written to it and not read."""
    n = array.array("i", [0])
    fcntl.ioctl(pipe, termios.FIONREAD, n)
    return n[0]


def crowd(server, n):
    server.admin("account", "add", "user%06d@" + DOMAIN, "--many", str(n), "--app-password")


def names(n):
    return ["%s@%s" % (who, DOMAIN) for who in ["ada", "ben"] + ["user%06d" % i for i in range(1, n + 1)]]


def test_a_hundred_thousand_accounts_are_listed_in_little_memory():
    with Server() as s:
        crowd(s, MANY)
        s.stop()                # what making them took does not count
        s.start()
        pids = s.pids("directory")[0], s.process.pid
        run([POSTHUS, "account", "list", "--problems", "--data", s.data])       # reads as much of the database
        before = [most_memory(pid) for pid in pids]
        out = run([POSTHUS, "account", "list", "--data", s.data, "--json"])
        assert [row["account"] for row in json.loads(out)] == names(MANY)
        answers.look_at(POSTHUS, ["account", "list"], out)
        after = [most_memory(pid) for pid in pids]
        assert len(out) > 5000000
        # The answer alone is 5 MB; some pages of the database may still come in.
        assert after[0] - before[0] < 2000 and after[1] - before[1] < 1000, (before, after)
        table = run([POSTHUS, "account", "list", "--data", s.data]).splitlines()
        assert [line.split()[0] for line in table] == ["account"] + names(MANY)
        assert json.loads(s.admin("domain", "list")) == [{"domain": DOMAIN, "addresses": MANY + 2}]
        assert json.loads(s.admin("audit", "verify"))["rows"] == MANY + 3
        with Control(s) as c:
            for command in ("account list", "domain list", "alias list", "audit list", "audit verify"):
                pages = c.pages(command)
                assert max(size for size, _ in pages) <= PAGE_MOST, command
                assert len(pages) > 80 or command not in ("account list", "audit list"), (command, len(pages))


def test_a_reader_who_stops_holds_up_nobody():
    with Server() as s:
        crowd(s, 20000)
        slow = [subprocess.Popen([POSTHUS, "account", "list", "--data", s.data, "--json"], stdout=subprocess.PIPE)
                for _ in range(3)]
        for p in slow:          # they wait for us to read on
            until(lambda: waiting_bytes(p.stdout) >= 60000)
        before = most_memory(s.process.pid)
        for _ in range(20):
            assert json.loads(s.admin("status"))["state"] == "serving"
            assert len(json.loads(s.admin("account", "list"))) == 20002
        assert most_memory(s.process.pid) - before < 1000
        slow[0].kill()          # one goes away in the middle
        slow[0].wait()
        for p in slow[1:]:      # the others read on, and have all of it
            assert [row["account"] for row in json.loads(p.communicate()[0])] == names(20000)
            assert p.returncode == 0
        assert json.loads(s.admin("status"))["waiting"]["requests"] == 0


def test_what_changes_between_two_pages_neither_doubles_nor_hides_the_rest():
    with Server() as s:
        crowd(s, 3000)
        with Control(s) as c:
            c.send("account list")
            failed, following, text = c.receive()
            first = json.loads(text)
            assert not failed and following and len(first) < 3002
            s.admin("account", "remove", first[-1]["account"])      # where the next page begins
            s.admin("account", "remove", "user003000@" + DOMAIN)
            s.admin("account", "add", "zoe@" + DOMAIN)
            rest = []
            while following:
                c.send("account list", following)
                failed, following, text = c.receive()
                rest += json.loads(text)
        got = [row["account"] for row in first + rest]
        assert got == names(2999) + ["zoe@" + DOMAIN], (got[:3], got[-3:])


def test_aliases_and_credentials_of_one_account_come_whole():
    with Server() as s:
        with Control(s) as c:
            s.admin("domain", "add", "second.test")
            aliases = ["%s%04d@%s" % ("a" * 50, i, "second.test" if i % 2 else DOMAIN) for i in range(1500)]
            for name in aliases:
                c.pages("alias add", alias=name, address="ada@" + DOMAIN)
            for i in range(300):
                c.pages("app-password add", address="ada@" + DOMAIN, name="%s%04d" % ("n" * 150, i))
            show = c.pages("account show", address="ada@" + DOMAIN)
            assert len(show) > 3 and max(size for size, _ in show) <= PAGE_MOST, [size for size, _ in show]
            assert len(c.pages("alias list")) > 1 and len(c.pages("app-password list", address="ada@" + DOMAIN)) > 1
        shown = json.loads(s.admin("account", "show", "ada@" + DOMAIN))
        assert sorted(shown["aliases"]) == sorted(aliases) and shown["account"] == "ada@" + DOMAIN
        assert [c["name"][150:] for c in shown["credentials"]] == [""] + ["%04d" % i for i in range(300)]
        listed = json.loads(s.admin("alias", "list"))
        assert [r["alias"] for r in listed] == sorted(aliases, key=lambda a: (a.split("@")[1], a))
        assert {r["account"] for r in listed} == {"ada@" + DOMAIN}
        assert [r["name"][150:] for r in json.loads(s.admin("app-password", "list", "ada@" + DOMAIN))] == \
            ["%04d" % i for i in range(300)]


def test_an_answer_that_cannot_be_written_fails():
    with Server() as s:
        crowd(s, 3000)
        with open("/dev/full", "w") as full:
            for words in (["account", "list"], ["account", "list", "--json"], ["status"], ["help"], ["schema"]):
                p = subprocess.run([POSTHUS, *words], stdout=full, stderr=subprocess.PIPE, text=True, timeout=60,
                                   env=dict(os.environ, POSTHUS_DATA=s.data))
                assert p.returncode == 1 and "the answer cannot be written" in p.stderr, (words, p)


main()
