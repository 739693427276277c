#!/usr/bin/env python3
"""kill -9 of each role while messages arrive: nothing that got 250 is missing by the sender's own log, nothing is doubled that the
sender saw answered, and the server goes on."""
import collections
import os
import random
import re
import signal
import smtplib
import threading
import time

from harness import DOMAIN, Server, main, started_roles, until

PEOPLE = ["p%d" % i for i in range(8)]
ROLES = list(started_roles()) + ["account"]
SENDERS = 6
PAUSE = 0.7


class Sender(threading.Thread):
    """Sends until told to stop; keeps what got 250, and what was tried without an answer."""

    def __init__(self, server, number):
        super().__init__()
        self.server, self.number = server, number
        self.kept, self.unknown, self.stopped = [], set(), False

    def run(self):
        connection, n = None, 0
        rng = random.Random(self.number)
        while not self.stopped:
            n += 1
            id = "m%d-%d" % (self.number, n)
            to = rng.sample(PEOPLE, 1 + (n % 5 == 0) * 3)
            text = "Message-ID: <%s@x.test>\r\nSubject: t\r\n\r\n%s\r\n" % (id, "x" * rng.choice([10, 3000, 60000]))
            try:
                if connection is None:
                    connection = smtplib.SMTP("127.0.0.1", self.server.smtp, timeout=60)
                refused = connection.sendmail("s@example.org", ["%s@%s" % (t, DOMAIN) for t in to], text)
                self.kept += [(id, t) for t in to if "%s@%s" % (t, DOMAIN) not in refused]
            except (OSError, smtplib.SMTPException):
                self.unknown.add(id)
                connection = None
                time.sleep(0.05)


def test_nothing_that_got_250_is_lost_or_doubled():
    with Server(PEOPLE, settings=["queue-retry = 1"]) as s:
        s.may_die = True
        senders = [Sender(s, i) for i in range(SENDERS)]
        for t in senders:
            t.start()
        for _ in range(2):
            for role in ROLES:
                time.sleep(PAUSE)
                pids = s.account_pids() if role == "account" else s.pids(role)
                assert pids, "there is no %s to kill" % role
                os.kill(random.choice(pids), signal.SIGKILL)
        time.sleep(PAUSE)
        for t in senders:
            t.stopped = True
        for t in senders:
            t.join()
        until(lambda: re.search(r'"queue": 0\b', s.admin("status")), 60)
        have = collections.Counter()
        for name in PEOPLE:
            for m in s.messages(name):
                have[re.search(rb"<(m\d+-\d+)@x.test>", m).group(1).decode(), name] += 1
        kept = [k for t in senders for k in t.kept]
        unknown = set().union(*(t.unknown for t in senders))
        lost = [k for k in kept if not have[k]]
        doubled = [k for k, n in have.items() if n > 1 and k[0] not in unknown]
        assert len(kept) > 500, len(kept)
        assert not lost, "lost %d of %d: %s" % (len(lost), len(kept), lost[:5])
        assert not doubled, doubled[:5]
        for role in ROLES[:-1]:
            assert s.pids(role), "%s is not back" % role
        for name in PEOPLE[:2]:
            s.admin("account", "check", "%s@%s" % (name, DOMAIN))


def test_what_an_account_can_not_take_waits_in_the_queue_and_comes_once():
    with Server(settings=["queue-retry = 1"]) as s:
        s.may_die = True
        s.send("ada@" + DOMAIN, "Subject: first\r\n\r\nhello\r\n")
        account = s.account_pids()[0]
        os.kill(account, signal.SIGSTOP)
        began = time.monotonic()
        s.send("ada@" + DOMAIN, "Subject: second\r\n\r\nhello\r\n")
        assert 9 < time.monotonic() - began < 20            # ten seconds, then the queue
        assert s.log("mail-queued")
        os.kill(account, signal.SIGCONT)
        until(lambda: s.log("mail-unqueued"), 30)
        assert sum(b"Subject: second" in m for m in s.messages()) == 1


def test_a_supervisor_that_is_killed_loses_nothing_either():
    with Server(PEOPLE, settings=["queue-retry = 1"]) as s:
        s.may_die = True
        kept = []
        for _ in range(3):
            senders = [Sender(s, len(kept) + i) for i in range(SENDERS)]
            for t in senders:
                t.start()
            time.sleep(PAUSE)
            s.process.kill()
            s.process.wait()
            for t in senders:
                t.stopped = True
            s.start()       # at once: what is still ending keeps its databases locked
            for t in senders:
                t.join()
            kept += [k for t in senders for k in t.kept]
        until(lambda: re.search(r'"queue": 0\b', s.admin("status")), 60)
        have = set()
        for name in PEOPLE:
            have |= {(re.search(rb"<(m\d+-\d+)@x.test>", m).group(1).decode(), name) for m in s.messages(name)}
        assert len(kept) > 100, len(kept)
        lost = [k for k in kept if k not in have]
        assert not lost, "lost %d of %d: %s" % (len(lost), len(kept), lost[:5])


def test_a_message_for_a_process_that_dies_is_offered_to_its_successor():
    with Server() as s:
        s.may_die = True
        s.send("ada@" + DOMAIN, "Subject: first\r\n\r\nhello\r\n")
        account = s.account_pids()[0]
        os.kill(account, signal.SIGSTOP)
        killer = threading.Timer(1, os.kill, (account, signal.SIGKILL))
        killer.start()
        began = time.monotonic()
        s.send("ada@" + DOMAIN, "Subject: second\r\n\r\nhello\r\n")
        assert time.monotonic() - began < 5
        assert not s.log("mail-queued")
        assert sum(b"Subject: second" in m for m in s.messages()) == 1


def test_a_damaged_account_is_said_so_and_stops_only_itself():
    with Server(settings=["queue-retry = 1", "account-idle = 1"]) as s:
        s.may_die = True
        for i in range(50):
            s.send("ada@" + DOMAIN, "Subject: %d\r\n\r\n%s\r\n" % (i, os.urandom(3000).hex()))
        until(lambda: not s.account_pids(), 100)        # the log is in the database now
        path = s.data + "/accounts/01/0000000000000001/db"
        with open(path, "r+b") as f:
            good = f.read()
            f.seek(0)
            f.write(bytes(b ^ 1 for b in good[:4096 * 3]))
        s.send("ada@" + DOMAIN, "Subject: while damaged\r\n\r\nhello\r\n")     # waits in the queue
        s.send("ben@" + DOMAIN, "Subject: for ben\r\n\r\nhello\r\n")
        assert len(s.messages("ben")) == 1
        assert s.log("account-damaged") and s.log("mail-queued")
        until(lambda: '"problem"' in s.admin("account", "list"), 30)
        with open(path, "r+b") as f:                    # the disk is mended
            f.write(good)
        until(lambda: s.log("mail-unqueued"), 60)
        assert sum(b"while damaged" in m for m in s.messages("ada")) == 1


def test_an_account_that_crashes_ends_its_own_sessions_only():
    with Server() as s:
        s.may_die = True
        ada = s.login("ada")
        first = set(s.account_pids())
        ben = s.login("ben")
        second = set(s.account_pids()) - first
        parent = s.pids("accounts")
        os.kill(second.pop(), signal.SIGKILL)
        until(lambda: s.pids("accounts") and s.pids("accounts") != parent)   # a fresh address layout
        assert ada.noop()[0] == "OK" and ada.select("INBOX")[0] == "OK"
        try:
            ben.noop()
            raise AssertionError("a session of a crashed process answered")
        except ben.abort:
            pass
        assert s.login("ben").select("INBOX")[0] == "OK"
        assert first <= set(s.account_pids())
        ada.logout()


main()
