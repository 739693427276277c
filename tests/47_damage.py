#!/usr/bin/env python3
"""A data folder whose files are gone, empty, cut or changed, and a disk that gets full: nobody is told that he does not exist, nothing comes
back empty, and what was accepted is there when the file is put back."""
import imaplib
import os
import re
import shutil
import signal
import smtplib

from harness import DOMAIN, PASSWORD, Server, main, marks, run, until

PEOPLE = ("ada", "ben")


def offered(server, name, subject):
    """The reply's code for a message to name, None when there was none."""
    try:
        with smtplib.SMTP("127.0.0.1", server.smtp, timeout=30) as s:
            s.sendmail("sender@example.org", "%s@%s" % (name, DOMAIN), "Subject: %s\r\n\r\nhello\r\n" % subject)
            return 250
    except smtplib.SMTPRecipientsRefused as e:
        return list(e.recipients.values())[0][0]
    except smtplib.SMTPResponseException as e:
        return e.smtp_code
    except (OSError, smtplib.SMTPServerDisconnected):
        return None


def subjects(server, name):
    """What name reads, None when the login or the mailbox is refused."""
    try:
        return {s.decode() for m in server.messages(name) for s in re.findall(rb"^Subject: (\S+)", m, re.M)}
    except (imaplib.IMAP4.error, OSError):
        return None


def cut(path, part):
    os.truncate(path, int(os.path.getsize(path) * part))


def flip(path, part):
    size = os.path.getsize(path)
    if size:
        with open(path, "r+b") as f:
            f.seek(min(size - 1, int(size * part)))
            byte = f.read(1)[0]
            f.seek(-1, 1)
            f.write(bytes([byte ^ 4]))


DAMAGES = {"missing": os.unlink, "empty": lambda p: cut(p, 0), "half": lambda p: cut(p, .5), "first bit": lambda p: flip(p, 0),
           "a bit": lambda p: flip(p, .6), "last bit": lambda p: flip(p, 1)}


def used(server):
    """One message each; the databases are closed, and their logs empty."""
    for name in PEOPLE:
        assert offered(server, name, "old-" + name) == 250
        assert subjects(server, name) == {"old-" + name}
    server.stop()


def try_start(server):
    """None when the server runs, else what it said."""
    try:
        server.start()
        return None
    except AssertionError as e:
        server.process.wait(20)
        server.process = None
        return str(e)


def test_no_file_of_a_role_that_is_damaged_is_taken_for_a_new_one():
    with Server(PEOPLE) as s:
        s.may_die = True
        used(s)
        good = s.folder.name + "/good"
        run(["cp", "-a", s.data, good])
        wrong = []
        for path in ("directory/db", "directory/wal", "keys/db", "keys/wal", "queue/db", "queue/wal", "keys/server.key", "directory", "keys",
                     "queue"):
            for how, damage in DAMAGES.items():
                whole = os.path.join(s.data, path)
                if os.path.isdir(whole):
                    if how != "missing":
                        continue
                    shutil.rmtree(whole)
                else:
                    damage(whole)
                said = try_start(s)
                if said is None:
                    codes, read = [offered(s, n, "during") for n in PEOPLE], [subjects(s, n) for n in PEOPLE]
                    # A page that nobody has read yet is not known to be damaged.
                    if any(c is not None and c >= 500 for c in codes) or any(
                            r is not None and "old-" + n not in r for n, r in zip(PEOPLE, read)):
                        wrong.append((path, how, codes, read))
                    if path.startswith("keys") and "@" in s.admin("account", "list", "--problems"):
                        wrong.append((path, how, "is said to be an account's problem"))
                    s.stop()
                elif not re.search(r"posthus: \S.*", said) or "Sanitizer" in said:
                    wrong.append((path, how, said))
                shutil.rmtree(s.data)
                run(["cp", "-a", good, s.data])
        assert not wrong, "\n".join(map(str, wrong))
        s.start()
        assert [subjects(s, n) for n in PEOPLE] == [{"old-" + n} for n in PEOPLE]


def test_an_account_whose_files_are_damaged_stops_alone_and_comes_back_with_everything():
    with Server(PEOPLE, settings=["queue-retry = 1"]) as s:
        s.may_die = True
        used(s)
        path = s.data + "/accounts/01/0000000000000001/db"
        good = open(path, "rb").read()
        owner = os.stat(path)
        accepted = {"old-ada"}
        for n, (how, damage) in enumerate(DAMAGES.items()):
            damage(path)
            s.start()
            assert offered(s, "ada", "new-%d" % n) == 250, how          # into the queue
            assert subjects(s, "ada") is None, how
            assert offered(s, "ben", "ben-%d" % n) == 250 and "ben-%d" % n in subjects(s, "ben"), how
            until(lambda: "ada@" in s.admin("account", "list", "--problems"))
            assert "problem" in s.admin("status") and s.log("account-damaged"), how
            accepted.add("new-%d" % n)
            s.stop()
            with open(path, "wb") as f:
                f.write(good)
            os.chown(path, owner.st_uid, owner.st_gid)
            s.start()
            until(lambda: subjects(s, "ada") == accepted, 60)
            s.admin("account", "check", "ada@" + DOMAIN)
            assert "ada@" not in s.admin("account", "list", "--problems")
            s.stop()
            good = open(path, "rb").read()


def test_an_account_that_was_mended_is_checked_at_once():
    with Server(PEOPLE) as s:
        used(s)
        path = s.data + "/accounts/01/0000000000000001/db"
        with open(path, "r+b") as f:
            good = f.read()
            f.seek(0)
            f.write(os.urandom(4096))
            f.flush()
            s.start()
            assert subjects(s, "ada") is None
            assert "does not verify" in s.admin("account", "check", "ada@" + DOMAIN, check=False)
            f.seek(0)
            f.write(good)
        s.admin("account", "check", "ada@" + DOMAIN)
        assert "ada@" not in s.admin("account", "list", "--problems")
        assert subjects(s, "ada") == {"old-ada"}


def test_a_log_that_is_gone_is_not_taken_for_an_empty_one():
    """After a crash it holds all that was accepted last. Who has none says so with an empty file."""
    with Server(PEOPLE, settings=["queue-retry = 1"]) as s:
        s.may_die = True
        used(s)
        s.start()
        assert offered(s, "ada", "in-the-log") == 250
        pids = s.account_pids()
        for pid in [s.process.pid] + pids:
            os.kill(pid, signal.SIGKILL)
        s.process.wait(20)
        s.process = None
        until(lambda: not any(os.path.exists("/proc/%d" % pid) for pid in pids))
        log = s.data + "/accounts/01/0000000000000001/wal"
        assert os.path.getsize(log) > 0
        os.rename(log, s.folder.name + "/log")
        until(lambda: try_start(s) is None)         # the others end when the supervisor has
        assert offered(s, "ada", "in-the-queue") == 250 and subjects(s, "ada") is None
        assert offered(s, "ben", "of-ben") == 250 and "of-ben" in subjects(s, "ben")
        until(lambda: re.search("ada@.*0000000000000001/wal is gone", s.admin("account", "list", "--problems")))
        s.stop()
        os.rename(s.folder.name + "/log", log)
        s.start()
        until(lambda: subjects(s, "ada") == {"old-ada", "in-the-log", "in-the-queue"}, 30)
        until(lambda: "ada@" not in s.admin("account", "list", "--problems"))
        s.stop()
        for path in ("directory/wal", "keys/wal", "queue/wal", "accounts/01/0000000000000001/wal"):
            log = os.path.join(s.data, path)
            owner = os.stat(log)
            assert owner.st_size == 0, path
            os.unlink(log)
            if not path.startswith("accounts"):
                assert path + " is gone" in (try_start(s) or "it starts"), path
            open(log, "x").close()
            os.chown(log, owner.st_uid, owner.st_gid)
            s.start()
            assert subjects(s, "ada") == {"old-ada", "in-the-log", "in-the-queue"}
            s.stop()


def test_a_message_whose_file_is_damaged_is_named_and_keeps_nobody_from_the_others():
    with Server(PEOPLE) as s:
        s.may_die = True
        assert offered(s, "ada", "small") == 250
        s.send("ada@" + DOMAIN, "Subject: large\r\n\r\n%s\r\n" % os.urandom(300000).hex())
        folder = s.data + "/accounts/01/0000000000000001/large"
        path = os.path.join(folder, *os.listdir(folder))
        good = s.folder.name + "/good"
        run(["cp", "-a", path, good])
        for how in ("missing", "empty", "half", "first bit", "a bit", "last bit"):
            s.stop()
            DAMAGES[how](path)
            s.start()
            for _ in range(2):
                box = s.login("ada")
                box.select("INBOX", readonly=True)
                assert box.fetch("1", "(BODY.PEEK[])")[0] == "OK"
                try:
                    code, words = box.fetch("2", "(BODY.PEEK[])")
                    assert code == "NO" and b"[CORRUPTION]" in words[0], (how, code, words)
                except imaplib.IMAP4.abort:
                    pass            # it was found after the first bytes were on their way
            found = until(lambda: re.search("ada@.*email . cannot be read", s.admin("account", "list", "--problems")))
            assert found and s.log("account-damaged"), how
            s.stop()
            run(["cp", "-a", good, path])
            s.start()
            assert subjects(s, "ada") == {"small", "large"}
            assert '"ok": true' in s.admin("account", "check", "ada@" + DOMAIN), how
            assert "ada@" not in s.admin("account", "list", "--problems"), how


def empty_folder(path):
    for name in os.listdir(path):
        whole = os.path.join(path, name)
        shutil.rmtree(whole) if os.path.isdir(whole) else os.unlink(whole)


def test_an_account_whose_folder_is_gone_is_not_made_anew():
    with Server(PEOPLE, settings=["queue-retry = 1"]) as s:
        s.may_die = True
        used(s)
        folder = s.data + "/accounts/01/0000000000000001"
        accepted = {"old-ada"}
        for n, (path, lose) in enumerate(((folder, shutil.rmtree), (folder, empty_folder), (os.path.dirname(folder), shutil.rmtree))):
            kept = s.folder.name + "/kept-%d" % n
            run(["cp", "-a", path, kept])
            lose(path)
            s.start()
            assert offered(s, "ada", "new-%d" % n) == 250, n            # into the queue
            assert subjects(s, "ada") is None, n
            assert offered(s, "ben", "ben-%d" % n) == 250 and "ben-%d" % n in subjects(s, "ben"), n
            problem = until(lambda: s.admin("account", "list", "--problems") if "ada@" in s.admin("account", "list", "--problems") else "")
            assert ("accounts/01/0000000000000001 is gone" if lose is shutil.rmtree else "missing or empty") in problem, problem
            accepted.add("new-%d" % n)
            s.stop()
            assert lose is empty_folder or not os.path.exists(path)
            run(["rm", "-rf", path])
            run(["cp", "-a", kept, path])
            s.start()
            until(lambda: subjects(s, "ada") == accepted, 60)
            # It has opened: nothing needs to be told that it is mended.
            until(lambda: "ada@" not in s.admin("account", "list", "--problems"))
            s.stop()


def add(server, name):
    server.admin("account", "add", "%s@%s" % (name, DOMAIN), "--password-stdin", input=PASSWORD)


def with_older(server, *folders):
    """The server, once cyd was added and has mail, with these folders as they were before."""
    used(server)
    older = server.folder.name + "/older"
    run(["cp", "-a", server.data, older])
    server.start()
    add(server, "cyd")
    assert offered(server, "cyd", "of-cyd") == 250 and subjects(server, "cyd") == {"of-cyd"}
    server.stop()
    for folder in folders:
        newest = "%s/%s" % (server.data, folder)
        os.rename(newest, "%s/newest-%s" % (server.folder.name, folder))
        run(["cp", "-a", "%s/%s" % (older, folder), newest])
    server.start()


def test_a_new_directory_beside_accounts_that_have_keys_is_said_to_be_lost():
    with Server(PEOPLE) as s:
        s.may_die = True
        used(s)
        os.rename(s.data + "/directory", s.folder.name + "/newest-directory")
        os.rename(s.data + "/directory.used", s.folder.name + "/used")
        for _ in range(2):
            assert "put the folder directory back" in (try_start(s) or "it starts")
        shutil.rmtree(s.data + "/directory")
        os.rename(s.folder.name + "/newest-directory", s.data + "/directory")
        s.start()
        assert [subjects(s, n) for n in PEOPLE] == [{"old-" + n} for n in PEOPLE]


def put_back(server, folder):
    server.stop()
    shutil.rmtree("%s/%s" % (server.data, folder))
    os.rename("%s/newest-%s" % (server.folder.name, folder), "%s/%s" % (server.data, folder))
    server.start()


def test_an_older_copy_of_the_directory_gives_nobody_the_mail_of_another():
    with Server(PEOPLE) as s:
        with_older(s, "directory")
        assert offered(s, "cyd", "nobody") == 550
        add(s, "dan")
        assert subjects(s, "dan") == set()
        assert offered(s, "dan", "of-dan") == 250 and subjects(s, "dan") == {"of-dan"}
        put_back(s, "directory")
        assert subjects(s, "cyd") == {"of-cyd"}


def test_an_account_whose_key_is_not_in_an_older_copy_of_keys_is_said_to_have_a_problem():
    with Server(PEOPLE, settings=["queue-retry = 1"]) as s:
        with_older(s, "keys")
        assert offered(s, "cyd", "later") == 250 and subjects(s, "cyd") is None          # into the queue
        assert subjects(s, "ada") == {"old-ada"}
        until(lambda: re.search("cyd@.*older copy", s.admin("account", "list", "--problems")))
        put_back(s, "keys")
        until(lambda: subjects(s, "cyd") == {"of-cyd", "later"}, 30)
        until(lambda: "cyd@" not in s.admin("account", "list", "--problems"))


def test_a_disk_that_gets_full_takes_no_mail_and_loses_none():
    """The data folder on a file system of 24 MB, without a reserve: deliveries, APPEND and commands until nothing fits, then room again."""
    with Server(PEOPLE, settings=["disk-reserve = 0", "queue-retry = 1"], start=False) as s:
        s.may_die = True
        os.rename(s.data, s.folder.name + "/made")
        os.mkdir(s.data, 0o700)
        run(["mount", "-t", "tmpfs", "-o", "size=24m,mode=700", "posthus-test", s.data])
        try:
            run(["cp", "-a", s.folder.name + "/made/.", s.data])
            s.start()
            s.admin("domain", "add", DOMAIN)
            for name in PEOPLE:
                s.admin("account", "add", "%s@%s" % (name, DOMAIN), "--password-stdin", input=PASSWORD)
            box = s.login("ben")
            accepted, refused = {name: set() for name in PEOPLE}, 0
            for n in range(80):
                text = "Subject: m%d\r\n\r\n%s\r\n" % (n, os.urandom(250000).hex())
                name = PEOPLE[n % 2]
                try:
                    s.send("%s@%s" % (name, DOMAIN), text)
                    accepted[name].add("m%d" % n)
                except (smtplib.SMTPResponseException, smtplib.SMTPRecipientsRefused, smtplib.SMTPServerDisconnected) as e:
                    code = e.smtp_code if hasattr(e, "smtp_code") else list(getattr(e, "recipients", {0: (451,)}).values())[0][0]
                    assert 400 <= code < 500, e
                    refused += 1
                try:
                    if box.append("INBOX", None, None, ("Subject: a%d\r\n\r\n%s\r\n" % (n, os.urandom(40000).hex())).encode())[0] == "OK":
                        accepted["ben"].add("a%d" % n)
                except (imaplib.IMAP4.abort, OSError):
                    try:
                        box = s.login("ben")
                    except (imaplib.IMAP4.error, OSError):
                        pass
            assert refused > 5, refused
            said = s.admin("account", "add", "cyd@" + DOMAIN, "--password-stdin", input=PASSWORD, check=False)
            run(["mount", "-o", "remount,size=200m", s.data])
            until(lambda: offered(s, "ada", "later") == 250, 30)
            accepted["ada"].add("later")
            for name in PEOPLE:
                until(lambda: subjects(s, name) is not None and accepted[name] <= subjects(s, name), 30)
            until(lambda: '"queue": 0' in s.admin("status"), 30)
            s.stop()
            s.start()
            for name in PEOPLE:
                assert accepted[name] <= subjects(s, name)
                assert '"ok": true' in s.admin("account", "check", "%s@%s" % (name, DOMAIN)), said
        finally:
            if s.process:
                s.stop()
            run(["umount", "-l", s.data])


test_a_disk_that_gets_full_takes_no_mail_and_loses_none.pytestmark = marks("root")

main()
