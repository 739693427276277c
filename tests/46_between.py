#!/usr/bin/env python3
"""Two things go wrong at once: a process is lost while the server starts, or while another hangs."""
import contextlib
import os
import signal
import subprocess
import threading
import time

from harness import DOMAIN, Server, main, marks, until

pytestmark = marks("root")


def role_pids(parent, role):
    out = subprocess.run(["pgrep", "-P", str(parent), "-f", "role %s " % role], stdout=subprocess.PIPE, text=True).stdout
    return [int(p) for p in out.split()]


def stop_soon(parent, role):
    """SIGSTOP for the process of a role, as soon as there is one."""
    name = b"role %s " % role.encode()
    stop = time.monotonic() + 20
    while time.monotonic() < stop:
        for pid in open("/proc/%d/task/%d/children" % (parent, parent)).read().split():
            with contextlib.suppress(OSError):
                if name in open("/proc/%s/cmdline" % pid, "rb").read().replace(b"\0", b" "):
                    os.kill(int(pid), signal.SIGSTOP)
                    return int(pid)
    raise AssertionError("no process of " + role)


def test_an_edge_that_is_lost_while_the_server_starts_is_set_up_all_the_same():
    for role in ("edge-smtp", "edge-mail"):
        with Server(settings=["edges = 1"]) as s:
            s.may_die = True
            for _ in range(100):        # a start takes some 30 ms: it may be over before the edge is stopped
                s.stop()
                starting = threading.Thread(target=s.start)
                before = s.process
                starting.start()
                until(lambda: s.process is not before)
                pid = stop_soon(s.process.pid, role)
                time.sleep(1)           # what the others do, they have done
                if starting.is_alive():
                    break
                os.kill(pid, signal.SIGCONT)
                starting.join()
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
        assert not s.log("account-crash") and len(s.log("role-exit")) == 1


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


def test_a_parent_that_is_renewed_forgets_whom_it_had_asked_whether_they_live():
    with Server(["ada", "ben", "eve"]) as s:
        s.may_die = True
        of = {}
        for name in ("ada", "ben", "eve"):
            s.send("%s@%s" % (name, DOMAIN), "Subject: 1\r\n\r\nhello\r\n")
            of[name], = set(s.account_pids()) - set(of.values())
        ada, eve = s.login("ada"), s.login("eve")        # so that they do not end idle
        os.kill(of["ben"], signal.SIGSTOP)
        s.send("ben@" + DOMAIN, "Subject: 2\r\n\r\nhello\r\n")      # after ten seconds
        time.sleep(1)       # it is asked now, for ten more
        s.process.send_signal(signal.SIGSTOP)       # so that the parent has the time to trip over it
        os.kill(of["ada"], signal.SIGKILL)
        time.sleep(0.5)
        s.process.send_signal(signal.SIGCONT)
        until(lambda: s.log("account-crash"))
        until(lambda: [line for line in s.log("role-exit") if "process=accounts" in line and "status=0" in line], 5)
        s.send("eve@" + DOMAIN, "Subject: 2\r\n\r\nhello\r\n")
        assert of["eve"] in s.account_pids() and eve.select("INBOX")[1] == [b"2"]
        ada.shutdown()
        os.kill(of["ben"], signal.SIGCONT)
        until(lambda: len(s.messages("ben")) == 2, 90)


def children(pid):
    with open("/proc/%d/task/%d/children" % (pid, pid)) as f:
        return set(map(int, f.read().split()))


def stop_new_child(pid, before):
    """Stops the first child that was none before, as early as can be."""
    end = time.monotonic() + 10
    while time.monotonic() < end:
        for new in children(pid) - before:
            os.kill(new, signal.SIGSTOP)
            return new
    raise AssertionError("no new process came")


def test_a_child_that_is_lost_between_two_parents_is_no_crash_of_the_second():
    with Server(["ada", "ben", "eve"]) as s:
        s.may_die = True
        of = {}
        for name in ("ada", "ben", "eve"):
            s.send("%s@%s" % (name, DOMAIN), "Subject: 1\r\n\r\nhello\r\n")
            of[name], = set(s.account_pids()) - set(of.values())
        eve = s.login("eve")
        before = children(s.process.pid) | set(of.values())
        os.kill(of["ada"], signal.SIGKILL)
        second = stop_new_child(s.process.pid, before)      # before it has answered for those that it gets
        os.kill(of["ben"], signal.SIGKILL)
        until(lambda: not os.path.exists("/proc/%d" % of["ben"]))
        os.kill(second, signal.SIGCONT)
        assert eve.select("INBOX")[1] == [b"1"]
        assert len(s.messages("ben")) == 1
        assert second in s.pids("accounts") and of["eve"] in s.account_pids()
        assert len(s.log("account-crash")) == 2


main()
