#!/usr/bin/env python3
"""What an operator does: commands, settings, reload, stop, and what they are told when something is wrong."""
import json
import os
import signal
import socket
import subprocess
import threading
import time

from harness import DOMAIN, PASSWORD, POSTHUS, TOP, Server, main, run, tls, until


def test_commands_answer_in_json():
    with Server() as s:
        assert json.loads(s.admin("domain", "list")) == [{"domain": DOMAIN, "addresses": 2}]
        made = json.loads(s.admin("account", "add", "eva@" + DOMAIN, "--quota", "1000000"))
        assert len(made["password"]) > 15
        assert s.login("eva", made["password"]).select("INBOX")[0] == "OK"
        shown = json.loads(s.admin("account", "show", "eva@" + DOMAIN))
        assert shown["quota"] == 1000000 and shown["credentials"][0]["kind"] == "password"
        s.admin("alias", "add", "all@" + DOMAIN, "eva@" + DOMAIN)
        assert json.loads(s.admin("alias", "list")) == [{"alias": "all@" + DOMAIN, "account": "eva@" + DOMAIN}]
        s.admin("alias", "remove", "all@" + DOMAIN)
        s.admin("account", "password", "eva@" + DOMAIN, "--password-stdin", input="another-password")
        assert s.login("eva", "another-password")
        try:
            s.login("eva", made["password"])
            raise AssertionError("the old password still works")
        except Exception as e:
            assert "AUTHENTICATIONFAILED" in str(e), e
        assert len(json.loads(s.admin("account", "list"))) == 3
        audit = json.loads(s.admin("audit", "verify"))
        assert audit["ok"] and audit["rows"] >= 7
        status = json.loads(s.admin("status"))
        assert status["state"] == "serving" and status["processes"]["directory"]["ready"]
        assert json.loads(s.admin("config", "show"))["hostname"] == "localhost"


# What is typed wrongly: (words, what is said of it). None of it changes anything, and each ends with status 2.
MISTYPED = [
    (["account", "add", "x@" + DOMAIN, "--quotta", "5"], "account add has no option --quotta; did you mean --quota?"),
    (["account", "add", "x@" + DOMAIN, "--quota", "abc"], "--quota wants bytes"),
    (["account", "add", "x@" + DOMAIN, "--quota"], "--quota wants BYTES"),
    (["account", "add", "x@" + DOMAIN, "--quota", "--app-password"], "--quota wants BYTES"),
    (["account", "add", "x@" + DOMAIN, "--quota", "1", "--quota", "2"], "--quota is given twice"),
    (["account", "add", "x@" + DOMAIN, "y@" + DOMAIN], "one word too many"),
    (["account", "add", "x@" + DOMAIN, "--app-password=yes"], "--app-password takes no value"),
    (["account", "add"], "account add wants ADDRESS"),
    (["account", "add", "nobody"], "is not an address"),
    (["account", "app-password", "ada@" + DOMAIN, "--name", "--read-only"], "--name wants NAME"),
    (["account", "app-password", "ada@" + DOMAIN], "--name"),
    (["account", "app-password", "ada@" + DOMAIN, "--name", "x", "--days", "soon"], "--days wants a number"),
    (["account", "set", "ada@" + DOMAIN], "at least one of --quota, --subaddress-folders"),
    (["account", "set", "ada@" + DOMAIN, "--subaddress-folders", "maybe"], "wants yes or no"),
    (["account", "lits"], 'account has no command "lits"; did you mean list?'),
    (["account"], "account wants one of add,"),
    (["acount", "list"], 'there is no command "acount"; did you mean account?'),
    (["alias", "add", "z@" + DOMAIN], "alias add wants ADDRESS"),
    (["domain", "add", "-x-"], "domain add has no option -x-"),
    (["domain", "add", "--", "-x-"], "domain name"),
    (["domain", "list", "--jsno"], "domain list has no option --jsno; did you mean --json?"),
    (["log", "--lines", "many"], "--lines wants a number"),
    (["trace"], "trace wants ID"),
    (["init", "--hostnam", "y"], "init has no option --hostnam; did you mean --hostname?"),
    (["serve", "--ready", "1"], "did you mean --ready-fd?"),
    (["--jsn", "domain", "list"], "--json"),
    (["domain", "list", "--data"], "--data wants DIR"),
]


def posthus(server, *words, input=None):
    """A command on this server's folder, its output and its errors apart."""
    return subprocess.run([POSTHUS, *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=60, input=input,
                          env=dict(os.environ, POSTHUS_DATA=server.data))


def test_what_is_mistyped_is_named_and_changes_nothing():
    def everything():
        return [s.admin("domain", "list"), s.admin("account", "list"), s.admin("alias", "list"), s.admin("audit", "verify"),
                s.admin("account", "show", "ada@" + DOMAIN)]

    with Server() as s:
        before = everything()
        for words, want in MISTYPED:
            p = posthus(s, *words)
            assert p.returncode == 2, (words, p.returncode, p.stdout, p.stderr)
            assert p.stdout == "" and p.stderr.startswith("posthus: ") and want in p.stderr, (words, p.stdout, p.stderr)
        assert everything() == before


# What is typed rightly and cannot be done: status 1, words, and nothing on standard output.
IMPOSSIBLE = [
    (["account", "add", "ada@" + DOMAIN], "taken already"),
    (["account", "add", "x@elsewhere.test"], "domain add"),
    (["account", "add", "a..b@" + DOMAIN], "before the @"),
    (["account", "add", "x@" + DOMAIN, "--many", "3"], "--many wants a pattern"),
    (["account", "show", "eva@" + DOMAIN], "nobody here"),
    (["account", "check", "eva@" + DOMAIN], "nobody here"),
    (["account", "remove", "all@" + DOMAIN], "name the account itself"),
    (["account", "password", "eva@" + DOMAIN], "nobody here"),
    (["app-password", "add", "eva@" + DOMAIN, "--name", "x"], "nobody here"),
    (["app-password", "end", "ada@" + DOMAIN, "99"], "has no app password 99"),
    (["app-password", "end", "ada@" + DOMAIN, "1"], "has no app password 1"),     # her password is none
    (["domain", "add", DOMAIN], "exists already"),
    (["alias", "add", "all@" + DOMAIN, "ben@" + DOMAIN], "taken already"),
    (["alias", "add", "z@" + DOMAIN, "eva@" + DOMAIN], "nobody here"),
    (["alias", "remove", "ada@" + DOMAIN], "is not an alias here"),
    (["trace", "nosuchid"], "the log has no line"),
]


def test_what_cannot_be_done_gets_words():
    with Server() as s:
        s.admin("alias", "add", "all@" + DOMAIN, "ada@" + DOMAIN)
        for words, want in IMPOSSIBLE:
            p = posthus(s, *words)
            assert p.returncode == 1, (words, p.returncode, p.stdout, p.stderr)
            assert p.stdout == "" and p.stderr.startswith("posthus: ") and want in p.stderr, (words, p.stdout, p.stderr)
            p = posthus(s, *words, "--json")      # for programs: the same words, and the kind
            if words[0] in ("trace", "log", "config", "init"):      # what the server has no part in
                assert p.returncode == 1 and p.stdout == "" and want in p.stderr, (words, p.returncode, p.stdout, p.stderr)
                continue
            assert p.returncode == 1 and p.stderr == "", (words, p.returncode, p.stdout, p.stderr)
            answer = json.loads(p.stdout)
            assert want in answer["error"] and answer["kind"], answer
        p = posthus(s, "account", "password", "ada@" + DOMAIN, "--password-stdin", input="\n")
        assert p.returncode == 1 and "standard input has no password" in p.stderr, p.stderr
        p = posthus(s, "account", "password", "ada@" + DOMAIN, "--password-stdin", input="short\n")
        assert p.returncode == 1 and "a password has 8 to" in p.stderr, p.stderr
        p = posthus(s, "account", "password", "ada@" + DOMAIN, "--password-stdin", input="\xe6\xf8\xe5\xe6\n")      # 8 bytes
        assert p.returncode == 1 and "a password has 8 to" in p.stderr, p.stderr
        for password in (" correct-horse\n", "correct-horse \r\n", "          \n"):
            p = posthus(s, "account", "password", "ada@" + DOMAIN, "--password-stdin", input=password)
            assert p.returncode == 1 and "neither begins nor ends with a space" in p.stderr, (password, p)
        assert s.login().select("INBOX")[0] == "OK", "the password was changed"
        s.stop()
        p = posthus(s, "domain", "list")
        assert p.returncode == 1 and "no server runs on" in p.stderr, p.stderr
        s.start()


def test_a_pattern_makes_as_many_accounts_as_are_named_one_too():
    with Server() as s:
        made = json.loads(s.admin("account", "add", "one%02d@" + DOMAIN, "--many", "1"))
        assert made["account"] == "one01@" + DOMAIN and made["accounts"] == 1, made
        p = posthus(s, "account", "add", "two@" + DOMAIN, "--many", "1")
        assert p.returncode == 1 and "wants a pattern" in p.stderr, p


def test_a_removed_account_is_gone_with_its_files_and_its_key():
    with Server() as s:
        s.send("ada@" + DOMAIN, "Subject: x\r\n\r\nhello\r\n")
        folders = run(["find", s.data + "/accounts", "-name", "db"]).split()
        assert len(folders) == 1
        s.admin("account", "remove", "ada@" + DOMAIN)
        assert not run(["find", s.data + "/accounts", "-name", "db"]).split()
        try:
            s.send("ada@" + DOMAIN, "Subject: x\r\n\r\nhello\r\n")
            raise AssertionError("mail for a removed account was taken")
        except Exception as e:
            assert "550" in str(e), e
        s.admin("account", "add", "ada@" + DOMAIN, "--password-stdin", input=PASSWORD)
        assert s.messages() == []


def test_a_password_for_an_account_that_is_removed_meanwhile_is_refused_in_words():
    with Server(settings=["hashers = 1"]) as s:
        hasher = json.loads(s.admin("status"))["processes"]["hasher"]["pid"]
        os.kill(hasher, signal.SIGSTOP)
        p = subprocess.Popen([POSTHUS, "account", "password", "ada@" + DOMAIN], stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True,
                             env=dict(os.environ, POSTHUS_DATA=s.data))
        until(lambda: json.loads(s.admin("status"))["waiting"]["requests"] or p.poll() is not None)
        s.admin("account", "remove", "ada@" + DOMAIN)
        os.kill(hasher, signal.SIGCONT)
        assert "there is no such account" in p.communicate(timeout=60)[1] and p.returncode == 1


def test_account_check_finds_nothing_wrong():
    with Server() as s:
        m = s.login()
        for i in range(20):
            m.append("INBOX", None, None, b"Subject: %d\r\n\r\nhello\r\n" % i)
        m.select("INBOX")
        m.store("1:5", "+FLAGS", r"(\Deleted)")
        m.expunge()
        m.copy("1:3", "Archive")
        m.logout()
        out = json.loads(s.admin("account", "check", "ada@" + DOMAIN))
        assert out["ok"] and out["report"].endswith("0 differences\n"), out


def test_account_check_prints_what_is_wrong_and_fails():
    with Server() as s:
        s.send("ada@" + DOMAIN, "Subject: large\r\n\r\n" + "\r\n".join(os.urandom(30).hex() for _ in range(9000)) + "\r\n")
        large = [os.path.join(where, n) for where, _, names in os.walk(s.data + "/accounts") for n in names
                 if os.path.basename(where) == "large"]
        assert len(large) == 1, large
        os.unlink(large[0])
        p = posthus(s, "account", "check", "ada@" + DOMAIN)
        assert p.returncode == 1 and "email 1" in p.stdout and "account check found something wrong" in p.stderr, p
        p = posthus(s, "account", "check", "ada@" + DOMAIN, "--json")
        out = json.loads(p.stdout)
        assert p.returncode == 1 and out["ok"] is False and "email 1" in out["report"] and p.stderr.count("\n") == 1, p
        assert [r["account"] for r in json.loads(s.admin("account", "list", "--problems"))] == ["ada@" + DOMAIN]


def test_settings_are_checked_with_their_line():
    with Server(start=False) as s:
        with open(s.data + "/posthus.conf", "a") as f:
            f.write("nonsense = 1\n")
        out = s.admin("config", "check", check=False)
        assert 'there is no setting "nonsense"' in out and "line" in out, out
        p = subprocess.run([POSTHUS, "serve", "--data", s.data], stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                           text=True, timeout=20)
        assert p.returncode == 1 and "nonsense" in p.stdout, p.stdout


def test_the_manual_page_is_that_of_the_table():
    with open(TOP + "/man/posthus.conf.5") as f:
        assert f.read() == run([POSTHUS, "config", "show", "--man"])


def test_a_reload_says_what_it_could_not_do():
    with Server() as s:
        good = open(s.data + "/posthus.conf").read()

        def reload(more):
            with open(s.data + "/posthus.conf", "w") as f:
                f.write(good + more)
            return posthus(s, "reload", "--json")

        assert json.loads(reload("log-debug = yes\n").stdout) == {"reloaded": True}
        assert json.loads(reload("retention-days = 3\nuid-base = 700000\nmessage-memory = 1G\n").stdout) == {
            "reloaded": True, "next_start": "message-memory uid-base"}
        os.rename(s.data + "/log/posthus.log", s.data + "/log/posthus.log.1")      # a log is rotated also then
        for more, want in (("quotta = 5\n", "the old settings stay"), ("tls-cert = /nonexistent\n", "the old certificate stays")):
            p = reload(more)
            assert p.returncode == 1 and want in json.loads(p.stdout)["error"], (more, p)
            assert any(want in line for line in s.log("config-problem")), more
        assert json.loads(reload("").stdout) == {"reloaded": True}


def test_a_port_that_is_taken_is_named():
    with Server() as one, Server(start=False) as two:
        text = open(two.data + "/posthus.conf").read().replace(":%d" % two.smtp, ":%d" % one.smtp)
        open(two.data + "/posthus.conf", "w").write(text)
        p = subprocess.run([POSTHUS, "serve", "--data", two.data], stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                           text=True, timeout=20)
        assert p.returncode == 1 and str(one.smtp) in p.stdout and "another program" in p.stdout, p.stdout


def test_a_port_that_is_free_in_a_moment_is_waited_for():
    with Server(start=False) as s:
        with socket.socket() as taken:
            taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            taken.bind(("127.0.0.1", s.smtp))
            taken.listen()
            threading.Timer(0.4, taken.shutdown, [socket.SHUT_RDWR]).start()
            s.start()


def test_a_second_server_on_one_folder_is_refused():
    with Server() as s:
        p = subprocess.run([POSTHUS, "serve", "--data", s.data], stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                           text=True, timeout=20)
        assert p.returncode == 1 and "another server runs" in p.stdout, p.stdout


def test_a_crash_at_every_start_ends_the_server_with_its_reason():
    with Server() as s:
        s.stop()
        os.chmod(s.data + "/keys/server.key", 0o600)
        key = open(s.data + "/keys/server.key", "rb").read()
        open(s.data + "/keys/server.key", "wb").write(bytes(32))
        p = subprocess.run([POSTHUS, "serve", "--data", s.data], stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                           text=True, timeout=30)
        assert p.returncode != 0 and "keys" in p.stdout, p.stdout
        open(s.data + "/keys/server.key", "wb").write(key)
        s.may_die = True
        s.start()
        assert s.login("ada").select("INBOX")[0] == "OK"


def test_sighup_takes_a_new_certificate_and_keeps_connections():
    with Server() as s:
        m = s.login()
        first = peer_certificate(s)
        run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "3",
             "-subj", "/CN=localhost", "-keyout", s.data + "/tls/key.pem", "-out", s.data + "/tls/cert.pem"])
        with open(s.data + "/posthus.conf", "a") as f:
            f.write("message-size = 1M\n")
        s.process.send_signal(signal.SIGHUP)
        until(lambda: peer_certificate(s) != first)
        os.rename(s.data + "/log/posthus.log", s.data + "/log/posthus.log.1")
        s.process.send_signal(signal.SIGHUP)            # and the log is opened anew
        until(lambda: s.log("server-reload"))
        assert m.select("INBOX")[0] == "OK"
        with socket.create_connection(("127.0.0.1", s.smtp)) as c:
            c.recv(1000)
            c.sendall(b"EHLO x.test\r\n")
            assert b"SIZE 1048576" in c.recv(4000)
        # One that cannot be used changes nothing.
        second = peer_certificate(s)
        open(s.data + "/tls/cert.pem", "w").write("garbage")
        s.process.send_signal(signal.SIGHUP)
        until(lambda: s.log("config-problem"))
        assert peer_certificate(s) == second
        m.logout()


def peer_certificate(server):
    with socket.create_connection(("127.0.0.1", server.imaps)) as c, tls().wrap_socket(c) as t:
        return t.getpeercert(True)


def test_sigterm_finishes_what_is_under_way():
    with Server() as s:
        idle = s.login()
        c = socket.create_connection(("127.0.0.1", s.smtp))
        c.recv(1000)
        for line in ("EHLO x.test", "MAIL FROM:<a@b.test>", "RCPT TO:<ada@%s>" % DOMAIN, "DATA"):
            c.sendall(line.encode() + b"\r\n")
            c.recv(4000)
        c.sendall(b"Subject: half\r\n")
        s.process.send_signal(signal.SIGTERM)
        time.sleep(0.5)
        c.sendall(b"\r\nand the other half\r\n.\r\n")
        got = c.recv(4000)
        assert got.startswith(b"250"), got
        took = s.stop()
        assert took < 10, took
        c.close()
        try:
            idle.noop()
        except Exception:
            pass
        s.start()
        assert any(b"and the other half" in m for m in s.messages())


def test_idle_accounts_end_and_come_back():
    with Server(settings=["account-idle = 1"]) as s:
        m = s.login()
        m.logout()
        assert s.account_pids()
        until(lambda: not s.account_pids(), 15)
        assert s.login().select("INBOX")[0] == "OK"


def test_two_logins_at_once_get_one_process():
    with Server() as s:
        from concurrent.futures import ThreadPoolExecutor
        with ThreadPoolExecutor(20) as pool:
            sessions = list(pool.map(lambda _: s.login(), range(20)))
        assert len(s.account_pids()) == 1
        for m in sessions:
            assert m.select("INBOX")[0] == "OK"


def test_a_thousand_accounts_are_made_in_seconds():
    with Server() as s:
        began = time.monotonic()
        out = json.loads(s.admin("account", "add", "user%04d@" + DOMAIN, "--many", "1000", "--app-password"))
        assert time.monotonic() - began < 20
        assert s.login("user0777", out["app_password"]).select("INBOX")[0] == "OK"
        assert len(json.loads(s.admin("account", "list"))) == 1002


main()
