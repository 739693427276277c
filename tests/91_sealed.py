#!/usr/bin/env python3
"""After real traffic, every file that should be sealed is: no word of the mail, no known magic, every 4 KiB random by chi-square
(db/sealed_test looks at the files)."""
import glob
import os

from harness import DOMAIN, TOP, Server, main, marks, run

pytestmark = marks("plain")

SEALED_TEST = os.environ.get("SEALED_TEST", TOP + "/build-test/db_sealed_test")
WORD = b"kvernstein"


def files(data):
    found = []
    for pattern in ("directory/*", "keys/db", "keys/wal", "queue/*", "accounts/*/*/*", "accounts/*/*/large/*"):
        found += [f for f in glob.glob(data + "/" + pattern) if os.path.isfile(f) and os.path.getsize(f) > 0]
    return [f for f in found if os.path.basename(f) != "used"]      # a mark, the same for all: db/used.h


def test_every_file_is_sealed():
    with Server() as s:
        text = "Subject: %s\r\n\r\n%s\r\n" % (WORD.decode(), (WORD.decode() + " ") * 200)
        for to in ("ada", "ben"):
            for i in range(30):
                s.send("%s@%s" % (to, DOMAIN), text + str(i))
            s.send("%s@%s" % (to, DOMAIN), text + os.urandom(400000).hex())
        running = files(s.data)
        for path in running:
            assert WORD not in open(path, "rb").read(), path
        s.stop()
        stopped = files(s.data)
        names = {os.path.relpath(f, s.data).split("/")[0] for f in stopped}
        assert names == {"directory", "keys", "queue", "accounts"}, names
        assert any("/large/" in f for f in stopped), stopped
        run([SEALED_TEST] + stopped)
        s.start()


main()
