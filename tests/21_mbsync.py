#!/usr/bin/env python3
"""mbsync (isync) goes round: what lies on either side arrives on the other, and what is deleted goes."""
import os

from harness import DOMAIN, PASSWORD, Server, main, run


def sync(server, folder):
    config = folder + "/mbsyncrc"
    cert = server.data + "/tls/cert.pem"
    with open(config, "w") as f:
        f.write("""IMAPAccount posthus
Host localhost
Port %d
User ada@%s
Pass %s
SSLType IMAPS
CertificateFile %s

IMAPStore far
Account posthus

MaildirStore near
Path %s/mail/
Inbox %s/mail/INBOX
SubFolders Verbatim

Channel all
Far :far:
Near :near:
Patterns *
Create Both
Expunge Both
SyncState *
""" % (server.imaps, DOMAIN, PASSWORD, cert, folder, folder))
    os.makedirs(folder + "/mail", exist_ok=True)
    return run(["mbsync", "-c", config, "-a"])


def local(folder, box="INBOX"):
    found = []
    for sub in ("new", "cur"):
        path = "%s/mail/%s/%s" % (folder, box, sub)
        found += [path + "/" + n for n in os.listdir(path)] if os.path.isdir(path) else []
    return found


def test_mbsync_goes_round():
    with Server() as s:
        folder = s.folder.name + "/mbsync"
        os.makedirs(folder)
        s.send("ada@" + DOMAIN, "Message-ID: <one@x.test>\r\nSubject: from the server\r\n\r\nhello\r\n")
        sync(s, folder)
        assert len(local(folder)) == 1
        text = open(local(folder)[0], "rb").read()
        assert b"Subject: from the server" in text
        # A local message, and a local folder, arrive there.
        with open(folder + "/mail/INBOX/cur/1.mine:2,S", "w") as f:
            f.write("Message-ID: <two@x.test>\nSubject: from here\n\nhello\n")
        for sub in ("new", "cur", "tmp"):
            os.makedirs(folder + "/mail/Projects/" + sub)
        with open(folder + "/mail/Projects/cur/2.mine:2,FS", "w") as f:
            f.write("Message-ID: <three@x.test>\nSubject: in a folder\n\nhello\n")
        sync(s, folder)
        far = s.messages()
        assert len(far) == 2 and any(b"Subject: from here" in m for m in far), far
        assert len(s.messages(box="Projects")) == 1
        m = s.login()
        m.select("Projects")
        flags = m.fetch("1", "(FLAGS)")[1][0]
        assert rb"\Flagged" in flags and rb"\Seen" in flags, flags
        # Deleted there goes here; deleted here goes there.
        m.select("INBOX")
        m.store("1", "+FLAGS", r"(\Deleted)")
        m.expunge()
        m.logout()
        sync(s, folder)
        assert len(local(folder)) == 1
        os.remove(local(folder)[0])
        sync(s, folder)
        m = s.login()
        assert m.select("INBOX")[1] == [b"0"]
        m.logout()
        sync(s, folder)


main()
