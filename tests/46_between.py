#!/usr/bin/env python3
"""Two things go wrong at once: a process is lost while the server starts, or while another hangs."""
import os
import signal
import subprocess
import threading
import time

from harness import DOMAIN, Server, main, marks, until

pytestmark = marks("alone", "root")


def role_pids(parent, role):
    out = subprocess.run(["pgrep", "-P", str(parent), "-f", "role %s " % role], stdout=subprocess.PIPE, text=True).stdout
    return [int(p) for p in out.split()]


def test_an_edge_that_is_lost_while_the_server_starts_is_set_up_all_the_same():
    for role in ("edge-smtp", "edge-mail"):
        with Server(settings=["edges = 1"]) as s:
            s.may_die = True
            s.stop()
            starting = threading.Thread(target=s.start)
            before = s.process
            starting.start()
            until(lambda: s.process is not before)
            pid = until(lambda: s.pids(role))[0]
            os.kill(pid, signal.SIGSTOP)
            time.sleep(3)       # nobody else has anything left to do, and nothing tells so before the server is ready
            assert starting.is_alive()
            os.kill(pid, signal.SIGKILL)
            starting.join(5)
            late = starting.is_alive()
            if late:
                s.process.kill()
                starting.join()
            assert not late, "%s was lost, and the server never became ready" % role
            s.send("ada@" + DOMAIN, "Subject: x\r\n\r\nhello\r\n")
            assert len(s.messages()) == 1


def test_an_account_that_hangs_while_its_parent_is_lost_is_back():
    with Server() as s:
        s.may_die = True
        s.send("ada@" + DOMAIN, "Subject: 1\r\n\r\nhello\r\n")
        account, = s.account_pids()
        os.kill(account, signal.SIGSTOP)
        os.kill(s.pids("accounts")[0], signal.SIGKILL)
        began = time.monotonic()
        until(lambda: not os.path.exists("/proc/%d" % account), 10)
        s.send("ada@" + DOMAIN, "Subject: 2\r\n\r\nhello\r\n")
        until(lambda: len(s.messages()) == 2, 5)
        assert time.monotonic() - began < 10


def test_an_account_that_hangs_ends_with_the_server():
    with Server() as s:
        s.may_die = True
        s.send("ada@" + DOMAIN, "Subject: 1\r\n\r\nhello\r\n")
        account, = s.account_pids()
        os.kill(account, signal.SIGSTOP)
        assert s.stop() < 10
        assert not os.path.exists("/proc/%d" % account)
        s.start()
        assert len(s.messages()) == 1


def test_an_orphan_that_hangs_does_not_outlive_the_server():
    with Server() as s:
        s.may_die = True
        s.send("ada@" + DOMAIN, "Subject: 1\r\n\r\nhello\r\n")
        account, = s.account_pids()
        os.kill(account, signal.SIGSTOP)
        os.kill(s.pids("accounts")[0], signal.SIGKILL)
        until(lambda: s.log("role-exit"))
        s.stop()
        until(lambda: not os.path.exists("/proc/%d" % account), 2)
        assert s.log("role-killed")
        s.start()
        assert len(s.messages()) == 1


main()
