#!/usr/bin/env python3
"""What src/compose/build.h writes, read by Python's email package: a few thousand random messages."""
import sys

import mime_build_compare

sys.exit(mime_build_compare.main())
