"""Repro without the hour for which a file of the store counts as just used: gc's grace period may then be seconds."""

from __future__ import annotations

import sys

NEVER_FRESH = (
    sys.executable,
    "-P",
    "-c",
    "import sys\nfrom repro.store import freshness\nfreshness.FRESH = 0.0\n"
    "from repro.__main__ import main\nsys.exit(main())",
)
