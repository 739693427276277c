#!/usr/bin/env python3
"""A data folder whose files are gone, empty, cut or changed, and a disk that gets full: nobody is told that he does not exist, nothing comes
back empty, and what was accepted is there when the file is put back."""
import imaplib
import os
import re
import shutil
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


def test_a_directory_restored_from_an_old_copy_gives_nobody_the_number_of_another():
    with Server(PEOPLE) as s:
        s.may_die = True
        used(s)
        copy = s.folder.name + "/directory-then"
        run(["cp", "-a", s.data + "/directory", copy])
        s.start()
        s.admin("account", "add", "carl@" + DOMAIN, "--password-stdin", input=PASSWORD)
        assert offered(s, "carl", "for-carl") == 250 and subjects(s, "carl") == {"for-carl"}
        s.stop()
        run(["rm", "-rf", s.data + "/directory"])
        run(["cp", "-a", copy, s.data + "/directory"])
        s.start()
        assert subjects(s, "ada") == {"old-ada"} and subjects(s, "carl") is None
        s.admin("account", "add", "dora@" + DOMAIN, "--password-stdin", input=PASSWORD)
        assert subjects(s, "dora") == set()
        assert offered(s, "dora", "for-dora") == 250 and subjects(s, "dora") == {"for-dora"}
        assert os.path.getsize(s.data + "/accounts/03/0000000000000003/db") > 0     # Carl's, whose directory may be found yet


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
