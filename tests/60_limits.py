#!/usr/bin/env python3
"""Limits: by address and in all, idle crowds, floods of guesses; and nobody else notices. (Running out of descriptors:
net/listener_test.)"""
import json
import socket
import time

from harness import DOMAIN, Server, main, marks, until

pytestmark = marks("alone")


def counters(server, role):
    return json.loads(server.admin("status"))["processes"][role]


def test_one_address_gets_its_share_and_a_reason():
    with Server(settings=["connections-per-address = 20"]) as s:
        held = [socket.create_connection(("127.0.0.1", s.smtp)) for _ in range(20)]
        for c in held:
            assert c.recv(100).startswith(b"220")
        with socket.create_connection(("127.0.0.1", s.smtp)) as c:
            got = c.recv(1000)
            assert got.startswith(b"421") and b"too many connections" in got, got
        with socket.create_connection(("127.0.0.1", s.smtp), source_address=("127.0.0.9", 0)) as c:
            assert c.recv(100).startswith(b"220")           # another address is not touched
        for c in held:
            c.close()
        until(lambda: counters(s, "edge-smtp")["connections"] == 0)
        assert counters(s, "edge-smtp")["refused-by-address"] == 1
        s.send("ada@" + DOMAIN, "Subject: x\r\n\r\nhello\r\n")


def test_a_crowd_of_idle_connections_disturbs_nobody():
    with Server() as s:
        crowd = []
        for _ in range(300):
            crowd.append(socket.create_connection(("127.0.0.1", s.smtp)))
            crowd.append(socket.create_connection(("127.0.0.1", s.imaps)))
        sessions = [s.login() for _ in range(20)]
        began = time.monotonic()
        for _ in range(10):
            s.send("ada@" + DOMAIN, "Subject: x\r\n\r\nhello\r\n")
        assert s.login().select("INBOX")[1] == [b"10"]
        assert time.monotonic() - began < 10
        for m in sessions:
            assert m.noop()[0] == "OK"
        for c in crowd:
            c.close()


def test_login_is_not_hurt_by_a_flood_of_wrong_guesses():
    import threading
    with Server() as s:
        made = json.loads(s.admin("account", "app-password", "ada@" + DOMAIN, "--name", "phone"))["app_password"]
        s.login(password=made).logout()
        stop = []

        def guess():
            while not stop:
                try:
                    s.login("ada", "wrong-guess-%d" % len(stop))
                except Exception:
                    pass
        threads = [threading.Thread(target=guess) for _ in range(10)]
        for t in threads:
            t.start()
        time.sleep(1)
        slowest = 0
        for _ in range(20):
            began = time.monotonic()
            s.login(password=made).logout()
            slowest = max(slowest, time.monotonic() - began)
        stop.append(1)
        for t in threads:
            t.join()
        assert slowest < 3, slowest


main()
