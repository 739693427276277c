#!/usr/bin/env python3
"""Adds up what the programs of one `meson test` printed ("N passed, N failed"; src/base/test.h): tools/testlog.py FILE.json. Prints the
output of each that failed, then the sums. A program that failed without saying how often counts as one failure.
"""
import json
import re
import sys


def tally(test):
    """(passed, failed) of one program."""
    sums = re.findall(r"^(\d+) passed, (\d+) failed", test.get("stdout", ""), re.M)
    good = test["result"] == "OK"
    passed, failed = map(int, sums[-1]) if sums else (int(good), 0)
    return passed, failed if good or failed else 1


def main():
    passed = failed = 0
    with open(sys.argv[1]) as f:
        for test in map(json.loads, f):
            more, bad = tally(test)
            passed, failed = passed + more, failed + bad
            if test["result"] != "OK":
                print("FAILED %s: %s after %.1f s" % (test["name"], test["result"], test["duration"]))
                print((test.get("stdout", "") + test.get("stderr", ""))[-6000:])
    print("%d passed, %d failed" % (passed, failed))
    return 1 if failed or not passed else 0


sys.exit(main())
