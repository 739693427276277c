#!/usr/bin/env python3
"""What src/compose/build.h writes, read by Python's email package: a few thousand random messages."""
import mime_build_compare
from harness import main, marks

pytestmark = marks("plain")


def test_python_reads_what_we_write():
    alike, different = mime_build_compare.run(count=3000, seed=1, show=10)
    assert alike == 3000 and different == 0


main()
