#!/usr/bin/env python3
"""Every role killed in its turn, and every channel between two of them cut while both live: within two seconds all works again, by a login
whose password is hashed, by one with an app password, by a delivery that is read, by a command of the operator. Nothing else is killed with
it, and what happened is in the log and in `status`."""
import ctypes
import imaplib
import json
import os
import re
import signal
import smtplib
import socket
import subprocess
import threading
import time

from harness import DOMAIN, PASSWORD, Server, main, marks, run, started_roles, until

pytestmark = marks("plain", "alone", "root")

ROLES = list(started_roles())
PEERS = sorted({tuple(sorted((a, b))) for a, peers in started_roles().items() for b in peers})
BACK_S = 2
errors = (OSError, AssertionError, smtplib.SMTPException, imaplib.IMAP4.error, subprocess.TimeoutExpired)


class Everything:
    """What a server is for, tried once: each time with an account whose password nobody has verified yet."""

    def __init__(self, server):
        self.s, self.n = server, 0
        self.app = json.loads(server.admin("account", "app-password", "ada@" + DOMAIN, "--name", "test"))["app_password"]

    def fresh(self):
        self.n += 1
        assert self.n < 100, "no account is left whose password was not used"
        return "p%02d" % self.n

    def try_it(self):
        name = self.fresh()
        self.s.send("%s@%s" % (name, DOMAIN), "Subject: for %s\r\n\r\nhello\r\n" % name)
        assert any(b"for " + name.encode() in m for m in self.s.messages(name))     # a login by password
        self.s.login("ada", self.app).logout()
        assert DOMAIN in self.s.admin("domain", "list")

    def works_again(self, what, began):
        """Tries until it works; fails when that is later than BACK_S after `began`. What was refused meanwhile was refused with words."""
        while True:
            try:
                self.try_it()
                break
            except errors as e:
                if time.monotonic() - began > BACK_S + 20:
                    raise AssertionError("%s: it never worked again: %r" % (what, e)) from e
                time.sleep(0.02)
        took = time.monotonic() - began
        assert took < BACK_S, "%s: works again after %.2f s" % (what, took)


def server_with_people(**more):
    return Server(["ada"], settings=["queue-retry = 1"], **more)


def add_people(s):
    s.admin("account", "add", "p%02d@" + DOMAIN, "--many", "99", "--password-stdin", input=PASSWORD)


def all_pids(s):
    return {role: set(s.pids(role)) for role in ROLES}


def kill_each(s, every):
    for role in ROLES:
        before = all_pids(s)
        for pid in sorted(before[role]):
            time.sleep(0.3)
            began = time.monotonic()
            os.kill(pid, signal.SIGKILL)
            every.works_again("%s (%d) killed" % (role, pid), began)
        after = all_pids(s)
        for other in ROLES:
            assert other == role or before[other] == after[other], "%s took %s with it" % (role, other)
        assert len(after[role]) == len(before[role]) and not after[role] & before[role]


def test_each_role_that_is_killed_is_back_in_two_seconds_and_alone():
    with server_with_people() as s:
        s.may_die = True
        add_people(s)
        every = Everything(s)
        every.try_it()
        kill_each(s, every)
        assert len(s.log("role-exit")) == sum(len(p) for p in all_pids(s).values())


# ---- two at once ----

STABLE_S = 11       # a process that lived so long is started again at once, not later each time


def rounds(names):
    """All pairs, in rounds in which each name comes once at most: a tournament, by the circle method."""
    ring = list(names) + [None] * (len(names) % 2)
    for _ in range(len(ring) - 1):
        yield [pair for pair in zip(ring[:len(ring) // 2], reversed(ring[len(ring) // 2:])) if None not in pair]
        ring.insert(1, ring.pop())


def is_stable(s, roles):
    processes = json.loads(s.admin("status"))["processes"]
    return all(processes[role]["ready"] and processes[role].get("up_s", 0) >= STABLE_S for role in roles)


def test_each_two_roles_that_are_killed_at_once_are_back_in_two_seconds():
    with server_with_people() as s:
        s.may_die = True
        add_people(s)
        every = Everything(s)
        every.try_it()
        tried = set()
        for pairs in rounds(ROLES):
            for pair in pairs:
                until(lambda: is_stable(s, pair), 3 * STABLE_S)
                before = all_pids(s)
                began = time.monotonic()
                for pid in sorted(before[pair[0]] | before[pair[1]]):
                    os.kill(pid, signal.SIGKILL)
                every.works_again("%s and %s killed" % pair, began)
                until(lambda: all(len(s.pids(role)) == len(before[role]) for role in pair), BACK_S)     # those of several as well
                after = all_pids(s)
                for other in ROLES:
                    assert other in pair or before[other] == after[other], "%s took %s with them" % (pair, other)
                    assert other not in pair or not after[other] & before[other], other
                tried.add(frozenset(pair))
        assert len(tried) == len(ROLES) * (len(ROLES) - 1) // 2, tried


test_each_two_roles_that_are_killed_at_once_are_back_in_two_seconds.pytestmark = marks("long", timeout=900)


# ---- load ----

def test_and_so_it_is_under_load():
    with server_with_people() as s:
        s.may_die = True
        add_people(s)
        every = Everything(s)
        stop = threading.Event()

        def send():
            while not stop.is_set():
                try:
                    with smtplib.SMTP("127.0.0.1", s.smtp, timeout=20) as c:
                        for _ in range(50):
                            c.sendmail("s@example.org", ["ada@" + DOMAIN], "Subject: load\r\n\r\n" + "x" * 3000 + "\r\n")
                except errors:
                    time.sleep(0.02)

        def read():
            while not stop.is_set():
                try:
                    s.login("ada", every.app).logout()
                except errors:
                    time.sleep(0.02)

        load = [threading.Thread(target=f) for f in (send, send, read, read)]
        for t in load:
            t.start()
        try:
            kill_each(s, every)
        finally:
            stop.set()
            for t in load:
                t.join()
        until(lambda: json.loads(s.admin("status"))["processes"]["relay"]["queue"] == 0, 30)
        assert not s.log("channel-broken"), s.log("channel-broken")


# ---- channels ----

libc = ctypes.CDLL(None, use_errno=True)


def take_descriptor(pid, fd):
    """A copy of another process's descriptor, as root may have one."""
    pidfd = os.pidfd_open(pid)
    mine = libc.syscall(438, pidfd, fd, 0)
    assert mine >= 0, os.strerror(ctypes.get_errno())
    os.close(pidfd)
    return mine


def channel_between(a, b):
    """The descriptor of process a whose other end process b has."""
    ends = {}
    for line in run(["ss", "-xaHn"]).splitlines():
        words = line.split()
        if words[0] == "u_seq":
            ends[words[5]] = words[7]
    inodes = {}
    for pid in (a, b):
        for fd in os.listdir("/proc/%d/fd" % pid):
            m = re.match(r"socket:\[(\d+)\]", os.readlink("/proc/%d/fd/%s" % (pid, fd)))
            if m:
                inodes[m.group(1)] = (pid, int(fd))
    for inode, (pid, fd) in inodes.items():
        if pid == a and inodes.get(ends.get(inode), (None,))[0] == b:
            return fd
    raise AssertionError("there is no channel between %d and %d" % (a, b))


def test_a_channel_that_breaks_between_two_that_live_is_made_anew():
    with server_with_people() as s:
        s.may_die = True
        add_people(s)
        every = Everything(s)
        every.try_it()
        before = all_pids(s)
        for i, (one, other) in enumerate(PEERS):
            a, b = s.pids(one)[0], s.pids(other)[0]
            end = socket.socket(fileno=take_descriptor(a, channel_between(a, b)))
            began = time.monotonic()
            end.shutdown(socket.SHUT_RDWR)
            end.close()
            until(lambda: len(s.log("channel-rejoined")) > i)
            every.works_again("%s and %s cut" % (one, other), began)
        assert all_pids(s) == before
        assert json.loads(s.admin("status"))["processes"]["supervisor"]["channels-rejoined"] == len(PEERS)


def test_who_says_to_a_peer_what_it_may_not_is_killed_and_started_anew():
    with server_with_people() as s:
        s.may_die = True
        add_people(s)
        every = Everything(s)
        every.try_it()
        for one, other in (("edge-mail", "directory"), ("intake", "relay"), ("accounts", "keys")):
            a, b = s.pids(one)[0], s.pids(other)[0]
            end = socket.socket(fileno=take_descriptor(a, channel_between(a, b)))
            began = time.monotonic()
            end.send(b"\xff\xff\x00\x00 this is no message")
            end.close()
            until(lambda: a not in s.pids(one), 5)
            every.works_again("%s lied to %s" % (one, other), began)
            assert b in s.pids(other)
        assert len(s.log("channel-broken")) == 3 and len(s.log("role-killed")) == 3


# ---- the supervisor's own walls ----

def test_the_supervisor_has_a_list_of_system_calls_and_few_capabilities():
    with Server() as s:
        status = dict(line.split(":\t", 1) for line in open("/proc/%d/status" % s.process.pid).read().splitlines() if ":\t" in line)
        assert status["Seccomp"].strip() == "2" and status["NoNewPrivs"].strip() == "1"
        if os.geteuid() == 0:
            # CHOWN, DAC_OVERRIDE, FOWNER, KILL, SETGID, SETUID, SYS_CHROOT
            allowed = sum(1 << n for n in (0, 1, 3, 5, 6, 7, 18))
            for kind in ("CapEff", "CapPrm", "CapBnd", "CapInh", "CapAmb"):
                assert int(status[kind], 16) & ~allowed == 0, "%s: %s" % (kind, status[kind])


main()
