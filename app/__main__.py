"""``python -m app``: what the launcher calls."""

import sys

from app.cli import main

sys.exit(main())
