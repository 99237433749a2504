"""``python -m softseg``: the command line."""

from __future__ import annotations

import sys

from softseg.cli import main

sys.exit(main())
