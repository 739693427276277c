#!/usr/bin/env python3
"""Processes that hang: an account's, and each role. Nobody else waits for one, what it holds is little and is counted, it is killed, and
what it has not taken comes once."""
import concurrent.futures
import imaplib
import json
import os
import random
import re
import signal
import smtplib
import socket
import subprocess
import threading
import time

from harness import DOMAIN, PASSWORD, POSTHUS, Server, main, marks, until

pytestmark = marks("alone", timeout=600)

MB = 1 << 20
ADA, BEN = "ada@" + DOMAIN, "ben@" + DOMAIN


def status(server, role):
    return json.loads(server.admin("status"))["processes"][role]


def body(size):
    return "Subject: large\r\n\r\n" + ("x" * 98 + "\r\n") * (size // 100)


def shmem():
    with open("/proc/meminfo") as f:
        return int(re.search(r"^Shmem:\s+(\d+)", f.read(), re.M).group(1)) * 1024


def descriptors(pid):
    return len(os.listdir("/proc/%d/fd" % pid))


def subjects(server, name="ada"):
    return sorted(re.search(rb"^Subject: ([^\r]*)", m, re.M).group(1).decode() for m in server.messages(name))


def hang(server, name="ada"):
    """Stops the account's process, which runs from now on; its pid."""
    before = set(server.account_pids())
    server.send("%s@%s" % (name, DOMAIN), "Subject: first\r\n\r\nhello\r\n")
    pid = (set(server.account_pids()) - before or before).pop()
    os.kill(pid, signal.SIGSTOP)
    return pid


def test_a_hundred_megabytes_for_an_account_that_hangs_are_held_once_and_come_once():
    with Server(settings=["queue-retry = 1"]) as s:
        s.may_die = True
        pid = hang(s)
        before = shmem()

        def send(i):
            with smtplib.SMTP("127.0.0.1", s.smtp, timeout=60) as c:
                for k in range(10):
                    c.sendmail("a@example.org", [ADA], "Subject: %d-%d\r\n\r\n%s" % (i, k, ("x" * 98 + "\r\n") * (MB // 100)))
        with concurrent.futures.ThreadPoolExecutor(10) as pool:
            senders = [pool.submit(send, i) for i in range(10)]
            until(lambda: status(s, "intake")["under-way"] == 10)
            now = status(s, "intake")
            assert 0.9 * MB <= now["offered-bytes"] <= 1.1 * MB and now["stuck-bytes"] == 0, now      # one message is the window
            assert 9 * MB <= now["message-memory"] <= 11 * MB, now
            # The first ten have had their time: all is in the queue, and the process has what it was offered.
            until(lambda: status(s, "intake")["stuck-bytes"] > 0, 15)
            now = status(s, "intake")
            assert 0.9 * MB <= now["stuck-bytes"] <= 1.1 * MB, now
            until(lambda: status(s, "relay")["queue"] >= 10)
            # It is asked whether it lives, and killed; its successor takes what comes, and what is in the queue.
            until(lambda: [line for line in s.log("role-killed") if "of-pid=%d " % pid in line + " "], 15)
            for sender in senders:
                sender.result()
        until(lambda: status(s, "relay")["queue"] == 0, 60)
        now = status(s, "intake")
        assert now["stuck-bytes"] == 0 and now["message-memory"] == 0 and now["under-way"] == 0, now
        assert shmem() - before < 20 * MB, "%d MB of messages are left in memory" % ((shmem() - before) // MB)
        assert not os.path.exists("/proc/%d" % pid)
        assert subjects(s) == sorted(["first"] + ["%d-%d" % (i, k) for i in range(10) for k in range(10)])
        assert status(s, "accounts")["account-kills"] == 1 and status(s, "accounts")["account-crashes"] == 0
        s.admin("account", "check", ADA)


test_a_hundred_megabytes_for_an_account_that_hangs_are_held_once_and_come_once.pytestmark = marks("long")


def test_what_a_process_that_hangs_holds_counts_in_the_edges_memory():
    with Server(settings=["queue-retry = 1", "message-memory = 3M"]) as s:
        s.may_die = True
        pid = hang(s)
        began = time.monotonic()
        s.send(ADA, body(5 * MB // 2))
        assert 9 < time.monotonic() - began < 13
        assert MB < status(s, "intake")["stuck-bytes"] < 3 * MB
        try:
            s.send(BEN, body(MB))
            raise AssertionError("a message was taken for which there is no room")
        except smtplib.SMTPResponseException as e:
            assert e.smtp_code in (452, 451), e
        s.send(BEN, "Subject: small\r\n\r\nx\r\n")
        until(lambda: not os.path.exists("/proc/%d" % pid), 20)
        until(lambda: status(s, "relay")["queue"] == 0, 30)
        s.send(BEN, "Subject: small\r\n\r\nx\r\n")      # with its answer the edge hears that there is room
        s.send(BEN, body(MB))
        assert subjects(s) == ["first", "large"] and subjects(s, "ben") == ["large", "small", "small"]


test_what_a_process_that_hangs_holds_counts_in_the_edges_memory.pytestmark = marks("long")


def test_others_are_served_at_once_while_one_account_hangs():
    with Server(settings=["queue-retry = 1"]) as s:
        s.may_die = True
        s.send(BEN, "Subject: warm\r\n\r\nx\r\n")
        hang(s)
        waiting = threading.Thread(target=s.send, args=(ADA, "Subject: waits\r\n\r\nx\r\n"))
        waiting.start()
        time.sleep(0.2)
        for i in range(20):
            began = time.monotonic()
            s.send(BEN, "Subject: %d\r\n\r\nx\r\n" % i)
            assert time.monotonic() - began < 2
        began = time.monotonic()
        m = s.login("ben")
        assert m.select("INBOX")[1] == [b"21"] and time.monotonic() - began < 4
        m.logout()
        waiting.join()
        until(lambda: status(s, "relay")["queue"] == 0, 30)
        assert subjects(s) == ["first", "waits"]


test_others_are_served_at_once_while_one_account_hangs.pytestmark = marks("long")


def test_a_process_that_hangs_is_found_by_a_login_too():
    with Server(settings=["account-idle = 60", "plain-login-on-loopback = yes"]) as s:
        s.may_die = True
        pid = hang(s)
        s.admin("account", "set", ADA, "--subaddress-folders", "no")        # nothing that would ask it

        def login():
            try:
                m = imaplib.IMAP4("127.0.0.1", s.imap, timeout=50)
                m.login(ADA, PASSWORD)
                m.logout()
                return True
            except (imaplib.IMAP4.error, OSError):
                return False
        with concurrent.futures.ThreadPoolExecutor(1) as pool:
            first = pool.submit(login)
            until(lambda: not os.path.exists("/proc/%d" % pid), 60)
            first.result()
            assert login()


test_a_process_that_hangs_is_found_by_a_login_too.pytestmark = marks("long")


def test_a_process_that_hangs_is_killed_though_its_parent_is_renewed_meanwhile():
    with Server(settings=["queue-retry = 3600", "account-idle = 60"]) as s:
        s.may_die = True
        s.send(BEN, "Subject: x\r\n\r\nx\r\n")
        ben, = s.account_pids()
        pid = hang(s)
        s.send(ADA, "Subject: waits\r\n\r\nx\r\n")       # ten seconds, and it was asked just now
        os.kill(ben, signal.SIGKILL)
        until(lambda: s.log("account-crash"))
        assert os.path.exists("/proc/%d" % pid)
        until(lambda: not os.path.exists("/proc/%d" % pid), 15)
        assert [line for line in s.log("role-killed") if "of-pid=%d " % pid in line + " "]
        s.send(ADA, "Subject: later\r\n\r\nx\r\n")
        assert subjects(s) == ["first", "later"]


test_a_process_that_hangs_is_killed_though_its_parent_is_renewed_meanwhile.pytestmark = marks("long")


def test_a_process_that_ignores_its_end_is_killed_and_costs_its_parent_little():
    with Server(settings=["plain-login-on-loopback = yes", "account-idle = 60"]) as s:
        s.may_die = True
        made = json.loads(s.admin("app-password", "add", ADA, "--name", "test"))
        pid = hang(s)
        accounts = s.pids("accounts")[0]
        before = descriptors(accounts)
        most = [before]
        held = []
        removing = threading.Thread(target=s.admin, args=("account", "remove", ADA))
        removing.start()
        time.sleep(0.5)
        for i in range(200):        # logins of an account whose process is told to end, and does not
            c = socket.create_connection(("127.0.0.1", s.imap))
            c.sendall(b"a LOGIN %s %s\r\n" % (ADA.encode(), made["app_password"].encode()))
            held.append(c)
            most.append(descriptors(accounts))
        began = time.monotonic()
        s.send(BEN, "Subject: x\r\n\r\nx\r\n")
        assert len(s.messages("ben")) == 1 and time.monotonic() - began < 4
        until(lambda: most.append(descriptors(accounts)) or not os.path.exists("/proc/%d" % pid), 15)
        removing.join()
        for c in held:
            c.close()
        assert max(most) <= before + 64 + 30, (before, max(most))
        until(lambda: descriptors(accounts) <= before + 10, 20)
        assert [line for line in s.log("role-killed") if "of-pid=%d " % pid in line + " "]
        assert s.pids("accounts") == [accounts] and not s.log("account-crash")
        assert not os.path.exists(s.data + "/accounts/01/0000000000000001")


def stop_within(server, seconds):
    server.process.send_signal(signal.SIGTERM)
    began = time.monotonic()
    code = server.process.wait(seconds)
    took = time.monotonic() - began
    server.process = None
    return code, took


ROLES = ["edge-smtp", "edge-mail", "directory", "hasher", "keys", "accounts", "intake", "relay", "account"]


def end_with_one_that_hangs(role):
    with Server() as s:
        s.may_die = True
        s.send(ADA, "Subject: x\r\n\r\nx\r\n")
        pids = s.account_pids() if role == "account" else s.pids(role)
        for pid in pids:
            os.kill(pid, signal.SIGSTOP)
        code, took = stop_within(s, 60)
        killed = [line for line in s.log("role-killed") if any("of-pid=%d " % pid in line + " " for pid in pids)]
        left = [pid for pid in pids if os.path.exists("/proc/%d" % pid)]
        assert code == 0 and killed and not left, (role, code, killed, left)
        assert took < 26, (role, took)      # 10, 3, 6, 3 and 2 seconds, were all to hang
        s.start()
        assert len(s.messages()) == 1
        return took


def test_a_role_that_ignores_the_end_is_killed_and_the_server_ends():
    with concurrent.futures.ThreadPoolExecutor(3) as pool:
        for role, took in zip(ROLES, pool.map(end_with_one_that_hangs, ROLES)):
            print("%s: %.1f s" % (role, took))


test_a_role_that_ignores_the_end_is_killed_and_the_server_ends.pytestmark = marks("long")


def test_all_roles_hang_and_the_server_ends():
    with Server() as s:
        s.may_die = True
        s.send(ADA, "Subject: x\r\n\r\nx\r\n")
        pids = s.account_pids() + [pid for role in ROLES[:-1] for pid in s.pids(role)]
        for pid in pids:
            os.kill(pid, signal.SIGSTOP)
        code, took = stop_within(s, 60)
        assert code == 0 and took < 30, (code, took)
        until(lambda: not [pid for pid in pids if os.path.exists("/proc/%d" % pid)], 5)


test_all_roles_hang_and_the_server_ends.pytestmark = marks("long")


def of_session(sid):
    out = subprocess.run(["ps", "-o", "pid=,comm=", "-s", str(sid)], stdout=subprocess.PIPE, text=True).stdout
    return [line.strip() for line in out.splitlines() if "<defunct>" not in line]


def test_the_end_comes_while_the_server_is_starting():
    rng = random.Random(42)
    with Server() as s:
        s.stop()
        for i in range(15):
            p = subprocess.Popen([POSTHUS, "serve", "--data", s.data], stdin=subprocess.DEVNULL, stdout=s.out, stderr=s.out,
                                 start_new_session=True)
            time.sleep(rng.uniform(0, 0.3))
            p.send_signal(signal.SIGTERM)
            code = p.wait(30)
            # Before the program itself runs, the kernel ends it.
            assert code in (0, -signal.SIGTERM), (i, code, s.printed()[-2000:])
            left = of_session(p.pid)
            assert not left, (i, left)
            assert not s.log("role-exit") and not s.log("role-killed"), s.log("role-exit") + s.log("role-killed")
        s.start()
        s.send(ADA, "Subject: x\r\n\r\nx\r\n")
        assert len(s.messages()) == 1


main()
