#!/usr/bin/env python3
"""`posthus status`: one screen on a good day, and on a bad one what needs attention and what to do."""
import imaplib
import json
import os
import re
import signal
import subprocess

from harness import DOMAIN, POSTHUS, Server, main, until


def screen(server):
    p = subprocess.run([POSTHUS, "status", "--data", server.data], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                       timeout=60)
    assert p.returncode == 0 and p.stderr == "", p
    lines = p.stdout.splitlines()
    assert len(lines) <= 26 and max(map(len, lines)) < 80, p.stdout
    return p.stdout


def status(server):
    return json.loads(server.admin("status"))


def test_a_good_day_is_one_screen_that_says_so():
    with Server(settings=["hashers = 3", "edges = 2"]) as s:
        out = screen(s)
        assert out.startswith("Posthus ") and " is serving " + s.data in out, out
        assert re.search(r"^up \d+ s, since \d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC$", out, re.M), out
        for role in ("keys", "directory", "accounts", "relay", "intake"):
            assert re.search(r"^%s +%d +\d+ s$" % (role, s.pids(role)[0]), out, re.M), (role, out)
        for role in ("hasher x3", "edge-smtp x2", "edge-mail x2"):
            assert re.search(r"^%s " % role, out, re.M), (role, out)
        assert "queue 0, requests 0, password checks 0" in out and "nothing by limits" in out, out
        assert "log-lines-dropped" not in out and out.endswith("\nall is well\n"), out
        counters = subprocess.run([POSTHUS, "status", "--counters", "--data", s.data], stdout=subprocess.PIPE, text=True).stdout
        assert "log-lines-dropped" in counters and "ended-for-errors" in counters and "all is well" in counters, counters
        j = status(s)
        assert j["attention"] == [] and j["problems"] == [] and j["problem_accounts"] == 0 and j["data"] == s.data, j
        assert [i["ready"] for i in j["processes"]["hasher"]["instances"]] == [True] * 3 and j["processes"]["directory"]["restarts"] == 0


def test_what_limits_refused_is_summed():
    with Server(settings=["smtp-rate-messages = 2", "limit-exceptions = 192.0.2.0/24"]) as s:
        for _ in range(5):
            try:
                s.send("ada@" + DOMAIN, "Subject: x\r\n\r\nhello\r\n")
            except Exception:
                pass
        refused = status(s)["refused"]
        assert refused["over-rate-messages"] >= 1 and all(refused.values()), refused
        assert "over-rate-messages %d" % refused["over-rate-messages"] in screen(s)


def test_a_full_disk_and_a_role_that_keeps_ending_need_a_hand():
    with Server(settings=["disk-reserve = 1024G", "hashers = 1"]) as s:
        s.may_die = True
        assert any("mail is refused with 452" in w for w in status(s)["attention"])
        for n in range(1, 4):
            os.kill(s.pids("hasher")[0], signal.SIGKILL)
            until(lambda: status(s)["processes"]["hasher"]["restarts"] == n and status(s)["processes"]["hasher"]["ready"])
        assert any("hasher keeps restarting" in w for w in status(s)["attention"]), status(s)["attention"]
        out = screen(s)
        assert "needs attention:" in out and "all is well" not in out and "hasher keeps restarting" in out, out
        assert re.search(r"^hasher +\d+ +\d+ s +3$", out, re.M), out


def test_a_directory_that_is_stopped_is_named_and_the_rest_is_told():
    with Server() as s:
        pid = s.pids("directory")[0]
        os.kill(pid, signal.SIGSTOP)
        try:
            j = status(s)
        finally:
            os.kill(pid, signal.SIGCONT)
        assert "directory does not answer" in j["attention"] and j["processes"]["directory"]["answers"] is False, j
        assert j["processes"]["keys"]["ready"] and "problem_accounts" not in j, j
        until(lambda: status(s)["attention"] == [])


def test_an_account_that_does_not_open_is_named():
    with Server() as s:
        s.send("ada@" + DOMAIN, "Subject: x\r\n\r\nhello\r\n")
        s.may_die = True
        s.stop()
        paths = [os.path.join(where, name) for where, _, names in os.walk(s.data + "/accounts") for name in names if name == "db"]
        with open(paths[0], "r+b") as f:
            f.write(b"\xff" * 4096)
        s.start()

        def noticed():
            try:
                s.login()
                raise AssertionError("a damaged account opened")
            except imaplib.IMAP4.error:
                return status(s).get("problem_accounts") == 1 and status(s)

        j = until(noticed)
        assert j["problems"][0]["account"] == "ada@" + DOMAIN and j["problems"][0]["problem"], j
        assert any("posthus account list --problems" in w for w in j["attention"]), j
        assert json.loads(s.admin("account", "list", "--problems")) == [
            {"account": "ada@" + DOMAIN, "quota": 0, "problem": j["problems"][0]["problem"]}]
        assert json.loads(s.admin("account", "show", "ada@" + DOMAIN))["problem"] == j["problems"][0]["problem"]
        assert "- ada@%s: " % DOMAIN in screen(s)


main()
