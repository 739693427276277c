#!/usr/bin/env python3
"""Accounts whose files open slowly, as from a disk that stalls: nobody else waits for them, and many of them wait side by side.

A file is slow because this program holds a lease on it (fcntl(2), F_SETLEASE): whoever opens it is kept by the kernel until the lease is
given up."""
import fcntl
import glob
import json
import os
import re
import signal
import threading
import time

from harness import DOMAIN, Server, main, marks, until

pytestmark = marks("alone")

ADA, BEN = "ada@" + DOMAIN, "ben@" + DOMAIN
FILES = ["db", "wal", "used"]       # that an account's process opens, one after the other


class Slow:
    """Whoever opens one of these files waits, from then on for `seconds`; None: until the end of the with block."""

    def __init__(self, paths, seconds=None):
        self.seconds, self.held, self.since, self.ended = seconds, [], {}, False
        self.opened = 0         # how many were given up because somebody wanted them
        signal.signal(signal.SIGIO, signal.SIG_IGN)     # that somebody waits is seen by looking
        for path in paths:
            fd = os.open(path, os.O_RDWR)
            fcntl.fcntl(fd, fcntl.F_SETLEASE, fcntl.F_WRLCK)
            self.held.append(fd)
        self.thread = threading.Thread(target=self.look)

    def waited_for(self):
        """How many of them somebody waits for."""
        return sum(fcntl.fcntl(fd, fcntl.F_GETLEASE) != fcntl.F_WRLCK for fd in self.held)

    def look(self):
        while not self.ended:
            now = time.monotonic()
            for fd in list(self.held):
                if fcntl.fcntl(fd, fcntl.F_GETLEASE) != fcntl.F_WRLCK and now - self.since.setdefault(fd, now) >= self.seconds:
                    self.held.remove(fd)
                    os.close(fd)        # the lease goes with it
                    self.opened += 1
            time.sleep(0.002)

    def __enter__(self):
        if self.seconds is not None:
            self.thread.start()
        return self

    def __exit__(self, *rest):
        self.ended = True
        if self.seconds is not None:
            self.thread.join()
        for fd in self.held:
            os.close(fd)


def files_of(server, account="*"):
    found = [p for name in FILES for p in glob.glob("%s/accounts/*/%s/%s" % (server.data, account, name))]
    assert found
    return found


def all_end(server):
    until(lambda: not server.account_pids(), 60)


def test_an_account_whose_files_do_not_open_keeps_nobody_else_waiting():
    with Server(settings=["queue-retry = 1", "account-idle = 1"]) as s:
        s.send([ADA, BEN], "Subject: first\r\n\r\nx\r\n")
        all_end(s)
        with Slow([s.data + "/accounts/01/0000000000000001/db"]) as slow:
            sending = threading.Thread(target=s.send, args=(ADA, "Subject: waits\r\n\r\nx\r\n"))
            sending.start()
            until(slow.waited_for, 5)
            for i in range(20):
                began = time.monotonic()
                s.send(BEN, "Subject: %d\r\n\r\nx\r\n" % i)
                assert time.monotonic() - began < 2
            began = time.monotonic()
            m = s.login("ben")
            assert m.select("INBOX")[1] == [b"21"] and time.monotonic() - began < 4
            m.logout()
            began = time.monotonic()
            s.admin("account", "add", "new@" + DOMAIN)
            s.send("new@" + DOMAIN, "Subject: x\r\n\r\nx\r\n")
            assert time.monotonic() - began < 4
            assert slow.waited_for() and sending.is_alive()     # all that was while the files did not open
            sending.join()
            assert len(s.log("mail-queued")) == 1
        until(lambda: json.loads(s.admin("status"))["processes"]["relay"]["queue"] == 0, 60)
        assert sorted(re.search(rb"Subject: (\w+)", m).group(1) for m in s.messages()) == [b"first", b"waits"]


def test_accounts_whose_files_open_slowly_open_side_by_side():
    n, delay = 100, 0.04
    with Server(people=(), settings=["account-idle = 1"]) as s:
        s.admin("account", "add", "user%03d@" + DOMAIN, "--many", str(n))
        everybody = ["user%03d@%s" % (i, DOMAIN) for i in range(1, n + 1)]
        s.send(everybody, "Subject: first\r\n\r\nx\r\n")
        all_end(s)
        began = time.monotonic()
        s.send(everybody, "Subject: cold\r\n\r\nx\r\n")
        cold = time.monotonic() - began
        all_end(s)
        with Slow(files_of(s), delay) as slow:
            began = time.monotonic()
            s.send(everybody, "Subject: slow\r\n\r\nx\r\n")
            took = time.monotonic() - began
            assert slow.opened == n * len(FILES)
        one_by_one = slow.opened * delay
        print("%.1f s, with %.1f s of waiting in all %.1f s" % (cold, one_by_one, took))
        assert took - cold < one_by_one / 4, (cold, took)
        assert not s.log("mail-queued")


main()
