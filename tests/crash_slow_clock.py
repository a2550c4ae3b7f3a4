"""Repro without the hour for which a file of the store counts as just used: gc's grace period may then be seconds."""

from __future__ import annotations

import sys

from repro.store.cache import freshness

NEVER_FRESH = (
    sys.executable,
    "-P",
    "-c",
    f"import sys\nimport {freshness.__name__} as freshness\nfreshness.FRESH = 0.0\n"
    "from repro.__main__ import main\nsys.exit(main())",
)
