"""What the tests with other mail servers share: a set of messages that such a server relays here, and what must have arrived."""
import os
import smtplib
import tempfile

from harness import DOMAIN, behind_trace, until

ADA, BEN = "ada@" + DOMAIN, "ben@" + DOMAIN
PLENTY = b"".join(b"%06d %s\r\n" % (i, b"x" * 63) for i in range(14100))      # just over 1 MB, each line another
# (subject, the body's bytes, recipients)
MESSAGES = [
    ("text", b"hello\r\n", [ADA]),
    ("dots", b".\r\n..\r\n.dot\r\n\r\n.\r\n...\r\n", [ADA, BEN]),
    ("empty", b"", [BEN]),
    ("spaces", b" \r\n\t\r\nends with spaces   \r\n\r\n\r\n", [ADA]),
    ("UTF-8", "Grüße aus Köln, 東京 und Київ\r\n".encode() * 50, [ADA, BEN]),
    ("other 8-bit", bytes(range(128, 256)) + b"\r\n", [ADA]),
    ("one MB", PLENTY, [ADA, BEN]),
    ("commands", b"QUIT\r\nRSET\r\nBDAT 0 LAST\r\nMAIL FROM:<x@example.org>\r\nFrom here\r\n", [BEN]),
]


def submit(port, sender, to, subject, body):
    """Hands one message to the other server."""
    head = "From: %s\r\nTo: %s\r\nSubject: %s\r\nMIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n" \
           "Content-Transfer-Encoding: 8bit\r\n\r\n" % (sender, ", ".join(to), subject)
    with smtplib.SMTP("127.0.0.1", port, timeout=30) as c:
        c.ehlo("client.example.org")
        c.sendmail(sender, to, head.encode() + body, mail_options=["BODY=8BITMIME"])


def taken(server, name):
    """What an account holds: (subject, body), sorted; bounces left out. And the first lines of each."""
    found, heads = [], []
    for m in server.messages(name):
        head, _, body = behind_trace(m).partition(b"\r\n\r\n")
        subject = [line[9:].decode() for line in head.split(b"\r\n") if line.startswith(b"Subject: ")]
        if subject[0] in [s for s, _, _ in MESSAGES]:
            found.append((subject[0], body))
            heads.append(m[:1000])
    return sorted(found), heads


def relay(server, port, protocol, one_by_one=False, bounces=True):
    """Gives MESSAGES to the server at `port`, to all recipients of each together or one by one. Each must arrive once, with its
    bytes, by `protocol`; and what we say of an unknown user comes back in a bounce."""
    for subject, body, to in MESSAGES:
        for some in [[one] for one in to] if one_by_one else [to]:
            submit(port, "sender@example.org", some, subject, body)
    for name, address in (("ada", ADA), ("ben", BEN)):
        expected = sorted((subject, body) for subject, body, to in MESSAGES if address in to)
        until(lambda: len(taken(server, name)[0]) >= len(expected), 40)
        got, heads = taken(server, name)
        assert [s for s, _ in got] == [s for s, _ in expected], got
        for (subject, body), (_, wanted) in zip(got, expected):
            assert body == wanted, (subject, len(body), len(wanted), body[:200])
        for head in heads:
            assert b"\r\n\tby localhost with %s id " % protocol in head, head
    submit(port, ADA, ["nobody@" + DOMAIN], "to nobody", b"hello\r\n")

    def bounce():
        return [m for m in server.messages("ada") if b"550 5.1.1 nobody here has this address" in b" ".join(m.split())]
    if bounces:
        assert b"nobody@" + DOMAIN.encode() in until(bounce, 40)[0]
    assert len(server.messages("ada")) == sum(ADA in to for _, _, to in MESSAGES) + bounces
    assert len(server.messages("ben")) == sum(BEN in to for _, _, to in MESSAGES)


def socket_folder():
    """A place for the socket that other users reach; the data folder's is closed to them."""
    folder = tempfile.TemporaryDirectory(prefix="posthus-lmtp-")
    os.chmod(folder.name, 0o755)
    return folder
