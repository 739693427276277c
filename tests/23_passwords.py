#!/usr/bin/env python3
"""Passwords against a running server: what a changed one ends, what wrong guesses cost, and that nobody's guesses keep another out."""
import json
import os
import select
import signal
import socket
import threading
import time

from harness import DOMAIN, PASSWORD, Server, main, marks, tls, until

pytestmark = marks("alone")

ADA = "ada@" + DOMAIN
NEW = "new-battery-staple-9"


def app_password(server, name):
    words = ("account", "app-password", ADA, "--name", name)
    return json.loads(server.admin(*words))["app_password"]


def connect(server, source="127.0.0.1"):
    """A connection from another address of loopback: limits and guesses are counted by the whole IPv4 address."""
    raw = socket.create_connection(("127.0.0.1", server.imaps), source_address=(source, 0), timeout=60)
    c = tls().wrap_socket(raw, server_hostname="localhost")
    c.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    assert c.recv(2000).startswith(b"* OK")
    return c


def ask(c, user, password):
    c.sendall(b"a LOGIN %s %s\r\n" % (user.encode(), password.encode()))


def answer(c, seconds=60):
    """The tagged answer, without its tag."""
    got = b""
    stop = time.monotonic() + seconds
    while b"a " not in got or not got.endswith(b"\r\n"):
        c.settimeout(max(0.01, stop - time.monotonic()))
        piece = c.recv(4000)
        assert piece, got
        got += piece
    return [line for line in got.split(b"\r\n") if line.startswith(b"a ")][0][2:]


def login(server, user, password, source="127.0.0.1"):
    """(whether it succeeded, seconds that the answer took)"""
    with connect(server, source) as c:
        began = time.monotonic()
        ask(c, user, password)
        said = answer(c)
        assert said.startswith(b"OK") or b"AUTHENTICATIONFAILED" in said or b"UNAVAILABLE" in said or b"LIMIT" in said, said
        return said.startswith(b"OK"), time.monotonic() - began


def hashes(server):
    return json.loads(server.admin("status"))["processes"]["hasher"]["hashes"]


def lines_until_end(session, seconds):
    """What comes on an IMAP session until it is closed, at most so many seconds."""
    got, stop = b"", time.monotonic() + seconds
    while time.monotonic() < stop:
        ready = session.sock.pending() or select.select([session.sock], [], [], max(0, stop - time.monotonic()))[0]
        if not ready:
            break
        try:
            piece = session.sock.recv(4000)
        except ConnectionError:
            piece = b""
        if not piece:
            return got, True
        got += piece
    return got, False


def test_a_changed_password_ends_its_sessions_and_no_others():
    with Server(("ada", "ben")) as s:
        phone = app_password(s, "phone")
        old, idle, by_phone, ben = s.login(), s.login(), s.login(password=phone), s.login("ben")
        old.select("INBOX")
        by_phone.select("INBOX")
        idle.select("INBOX")
        idle.send(b"i IDLE\r\n")
        assert idle.readline().startswith(b"+")
        s.admin("account", "password", ADA, "--password-stdin", input=NEW)
        began = time.monotonic()
        for session in (old, idle):
            said, ended = lines_until_end(session, 2)
            assert ended and b"* BYE" in said and b"password" in said, (said, ended)
        assert time.monotonic() - began < 2
        assert by_phone.noop()[0] == "OK" and ben.noop()[0] == "OK"
        assert not login(s, ADA, PASSWORD)[0]
        assert login(s, ADA, NEW)[0] and login(s, ADA, phone)[0]
        again = s.login(password=NEW)
        s.admin("account", "password", ADA, "--password-stdin", input=PASSWORD)
        assert lines_until_end(again, 2)[1]
        assert by_phone.noop()[0] == "OK"


def test_a_removed_account_ends_all_its_sessions():
    with Server(("ada", "ben")) as s:
        phone = app_password(s, "phone")
        sessions, ben = [s.login(), s.login(password=phone)], s.login("ben")
        s.admin("account", "remove", ADA)
        for session in sessions:
            said, ended = lines_until_end(session, 10)
            assert ended and b"* BYE" in said, (said, ended)
        assert ben.noop()[0] == "OK"
        assert not login(s, ADA, PASSWORD)[0] and not login(s, ADA, phone)[0]


def test_a_crowd_of_one_address_keeps_nobody_out():
    """75 connections that guess without end, at as many names; elsewhere one logs in that needs a hash each time."""
    with Server(("ada", "ben")) as s:
        stop, answered = [], []

        def guess(i):
            while not stop:
                try:
                    with connect(s, "127.0.0.2") as c:
                        for n in range(3):
                            ask(c, "guess%d@%s" % (i, DOMAIN), "wrong-%d-%d" % (i, n))
                            answered.append(answer(c))
                            if stop:
                                return
                except (OSError, AssertionError):
                    pass
        crowd = [threading.Thread(target=guess, args=(i,)) for i in range(75)]
        for t in crowd:
            t.start()
        try:
            until(lambda: len(answered) > 100)
            for i in range(3):
                s.admin("account", "password", ADA, "--password-stdin", input="horse-number-%d" % i)    # what was verified is void
                ok, took = login(s, ADA, "horse-number-%d" % i, "127.0.0.3")
                assert ok and took < 2, took
        finally:
            stop.append(1)
            for t in crowd:
                t.join()
        assert not any(a.startswith(b"OK") for a in answered)


def test_a_crowd_at_one_account_keeps_others_and_its_own_devices_in():
    with Server(("ada", "ben")) as s:
        phone = app_password(s, "phone")
        assert login(s, ADA, PASSWORD, "127.0.0.3")[0]
        stop = []

        def guess(i):
            n = 0
            while not stop:
                n += 1
                try:
                    login(s, ADA, "wrong-%d-%d" % (i, n), "127.0.1.%d" % (i + 1))
                except (OSError, AssertionError):
                    pass
        crowd = [threading.Thread(target=guess, args=(i,)) for i in range(40)]
        for t in crowd:
            t.start()
        try:
            time.sleep(1)
            for _ in range(3):
                for user, password in (("ben@" + DOMAIN, PASSWORD), (ADA, PASSWORD), (ADA, phone)):
                    ok, took = login(s, user, password, "127.0.0.3")
                    assert ok and took < 2, (user, took)
            s.admin("account", "password", ADA, "--password-stdin", input=NEW)
            ok, took = login(s, ADA, NEW, "127.0.0.3")      # a hash, where the owner is at home
            assert ok and took < 2, took
        finally:
            stop.append(1)
            for t in crowd:
                t.join()


def test_guesses_wait_by_whatever_name():
    with Server() as s:
        s.admin("alias", "add", "augusta@" + DOMAIN, ADA)
        names = ["ada", "ada+1", "ADA+2", "augusta", "Ada+3", "augusta+4"]
        took = [login(s, "%s@%s" % (name, DOMAIN), "wrong-%s" % name)[1] for name in names]
        assert sum(took[3:]) > 0.25 + 0.5 + 1 - 0.1, took
        ok, waited = login(s, "ada+5@" + DOMAIN, "wrong-again")
        assert not ok and waited > 1.9, waited
        ok, waited = login(s, ADA, "wrong-elsewhere", "127.0.0.2")      # another network does not wait
        assert not ok and waited < 1.5, waited
        nobody = [login(s, "%s@%s" % (name, DOMAIN), "wrong-%s" % name, "127.0.0.4")[1]
                  for name in ("eve", "eve+1", "EVE+2", "eve+3", "Eve+4", "eve+5")]
        assert sum(nobody[3:]) > 0.25 + 0.5 + 1 - 0.1, nobody           # nor does a name of nobody tell itself from others


def test_guesses_side_by_side_are_not_as_many_hashes():
    with Server() as s:
        before = hashes(s)
        connections = [connect(s, "127.0.0.2") for _ in range(60)]
        for i, c in enumerate(connections):
            ask(c, ADA, "wrong-%d" % i)
        waiting = list(connections)

        def few_wait():
            for c in select.select(waiting, [], [], 0.2)[0]:
                assert not answer(c).startswith(b"OK")
                waiting.remove(c)
            return len(waiting) <= 8        # eleven are let in, three of them at once
        until(few_wait)
        assert hashes(s) - before <= 11, hashes(s) - before
        for c in connections:
            c.close()


def test_a_device_with_many_connections_is_one_hash():
    with Server() as s:
        before = hashes(s)
        connections = [connect(s) for _ in range(20)]
        for c in connections:
            ask(c, ADA, PASSWORD)
        assert all(answer(c).startswith(b"OK") for c in connections)
        assert hashes(s) - before == 1, hashes(s) - before


def test_logins_go_on_after_the_directory_or_a_hasher_was_killed():
    with Server() as s:
        s.may_die = True
        for role in ("directory", "hasher", "keys", "accounts", "directory"):
            assert login(s, ADA, PASSWORD)[0]
            pids = s.pids(role)
            assert pids
            for pid in pids:
                os.kill(pid, signal.SIGKILL)
            until(lambda: s.pids(role) and not set(pids) & set(s.pids(role)))
            ok, took = login(s, ADA, PASSWORD)
            assert ok and took < 5, (role, took)


TRIES = 20


def median(values):
    return sorted(values)[len(values) // 2]


def answer_times(server, round_number):
    """{name: seconds that an answer took, as a rule}. Each try is the first guess of its network, which does not wait, with a password
    that nobody has tried; the names take turns, so that what else the machine does falls on all alike."""
    took = {ADA: [], "nobody": [], "ada@elsewhere.test": []}
    for i in range(TRIES):
        for n, name in enumerate(took):
            user = "nobody%d-%d@%s" % (round_number, i, DOMAIN) if name == "nobody" else name
            ok, seconds = login(server, user, "wrong-%d-%d-%d" % (round_number, n, i), "127.%d.%d.%d" % (n + 1, round_number, i + 1))
            assert not ok
            took[name].append(seconds)
    return {name: median(seconds) for name, seconds in took.items()}


def test_the_time_of_an_answer_does_not_tell_whether_a_name_exists():
    """A difference shows in each round; a machine that is busy with something else, in one or another."""
    with Server(("ada", "ben"), settings=["hashers = 1"]) as s:
        seen = []
        for round_number in range(5):
            took = answer_times(s, round_number)
            known = took.pop(ADA)
            assert known > 0.005, "no hash was computed"
            seen.append({name: round(seconds / known, 2) for name, seconds in took.items()})
            if all(0.7 < ratio < 1.4 for ratio in seen[-1].values()):
                return
        raise AssertionError("the time of an answer, as a part of that for a known name: %s" % seen)


test_the_time_of_an_answer_does_not_tell_whether_a_name_exists.pytestmark = marks("plain")


main()
