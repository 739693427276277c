#!/usr/bin/env python3
"""Few descriptors and many accounts: what the limit costs is said at the start, the rest waits its turn, and nothing is lost, also when
processes of accounts or their parent crash while very many run."""
import concurrent.futures
import ctypes
import imaplib
import json
import os
import re
import resource
import signal
import smtplib
import time

from harness import DOMAIN, Server, main, marks, run, started_roles, until

pytestmark = marks("alone", "plain", "long", timeout=900)

FILES = 4096
CAP_SYS_RESOURCE, PR_CAPBSET_DROP = 24, 24


def few():
    """In a new process: the limit cannot be raised, by root neither."""
    if os.geteuid() == 0 and ctypes.CDLL(None).prctl(PR_CAPBSET_DROP, CAP_SYS_RESOURCE, 0, 0, 0) != 0:
        raise OSError("prctl")
    resource.setrlimit(resource.RLIMIT_NOFILE, (FILES, FILES))


def counters(server, role):
    return json.loads(server.admin("status"))["processes"][role]


def start(server, accounts):
    """With few descriptors; the password of all accounts."""
    server.start(before=few)
    server.admin("domain", "add", DOMAIN)
    return json.loads(server.admin("account", "add", "user%04d@" + DOMAIN, "--many", str(accounts), "--app-password"))["app_password"]


def names(first, last):
    return ["user%04d@%s" % (i, DOMAIN) for i in range(first, last + 1)]


def send(server, to, subject):
    with smtplib.SMTP("127.0.0.1", server.smtp, timeout=120) as c:
        refused = c.sendmail("a@example.org", to, "Subject: %s\r\n\r\nx\r\n" % subject)
    assert not refused, refused


def send_all(server, to, subject):
    """A hundred recipients a message, eight messages at a time."""
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        for done in [pool.submit(send, server, to[i:i + 100], subject) for i in range(0, len(to), 100)]:
            done.result()


def subjects(server, name, password):
    while True:
        m = imaplib.IMAP4("127.0.0.1", server.imap)
        try:
            m.login(name, password)
        except imaplib.IMAP4.error as e:
            assert "in use at once" in str(e), e        # too many are: later
            m.shutdown()
            time.sleep(0.2)
            continue
        m.select("INBOX", readonly=True)
        data = m.fetch("1:*", "(BODY.PEEK[HEADER])")[1]
        m.logout()
        return sorted(re.search(rb"Subject: ([\w-]+)", x[1]).group(1).decode() for x in data if isinstance(x, tuple))


def check_all(server, users, password, want):
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        for name, got in zip(users, pool.map(lambda name: subjects(server, name, password), users)):
            assert got == want, (name, got)


def said(server):
    """What the log says at the start of the limit."""
    line, = [line for line in server.log("role-problem") if "files=" in line]
    return {k: int(v) for k, v in re.findall(r" ([a-z-]+)=(\d+)", line)}


SETTINGS = ["plain-login-on-loopback = yes", "queue-retry = 1"]


def test_three_thousand_accounts_each_get_one():
    users = names(1, 3000)
    with Server(start=False, settings=SETTINGS + ["account-idle = 10"]) as s:
        password = start(s, len(users))
        most = said(s)["account-processes"]
        assert said(s)["files"] == FILES and 1000 < most < FILES / 2, said(s)
        s.admin("reload")       # what was lowered is no setting that was changed
        until(lambda: s.log("server-reload"))
        assert not s.log("config-problem"), s.log("config-problem")
        sending = concurrent.futures.ThreadPoolExecutor(1).submit(send_all, s, users, "x")
        high = 0
        while not sending.done():
            high = max(high, counters(s, "accounts")["accounts-running"])
        sending.result()
        until(lambda: counters(s, "relay")["queue"] == 0, 300)
        print("%d processes at once, of %d" % (high, most))
        waited = [line for line in s.log("mail-queued") if "too many accounts are in use" in line]
        assert most - 100 < high <= most and len(waited) > 100, (high, len(waited))
        check_all(s, users, password, ["x"])


def parent(server):
    """Of accounts' processes. By its own name: a child that has been handed over has the same command line, and the same parent."""
    out = run(["pgrep", "-x", "accounts", "-P", str(server.process.pid)], check=False)
    return [int(p) for p in out.split()]


def others(server):
    return {role: server.pids(role) for role in started_roles() if role != "accounts"}


def test_crashes_while_a_thousand_run_end_nobody_else():
    users = names(1, 1100)
    with Server(start=False, settings=SETTINGS + ["account-idle = 600"]) as s:
        s.may_die = True
        password = start(s, len(users))
        send_all(s, users, "first")
        until(lambda: counters(s, "relay")["queue"] == 0, 300)
        before = set(s.account_pids())
        assert len(before) == len(users)
        roles, first = others(s), parent(s)

        # One of them: their parent is renewed, and all the others live on.
        killed = sorted(before)[500]
        os.kill(killed, signal.SIGKILL)
        until(lambda: parent(s) and parent(s) != first, 30)
        send_all(s, users, "second")
        until(lambda: counters(s, "relay")["queue"] == 0, 300)
        gone = before - set(s.account_pids())
        assert gone == {killed}, len(gone)
        assert counters(s, "accounts")["accounts-running"] == len(users)
        assert others(s) == roles
        assert len(s.log("account-crash")) == 1 and not s.log("role-killed")

        # Their parent: they end with it, and no other process does.
        second, = parent(s)
        os.kill(second, signal.SIGKILL)
        send_all(s, users, "third")
        until(lambda: counters(s, "relay")["queue"] == 0, 300)
        assert second not in parent(s) and others(s) == roles
        check_all(s, users, password, ["first", "second", "third"])
        assert len(s.log("account-crash")) == 1 and not s.log("role-killed") and not s.log("channel-broken")


main()
