"""``python -m misfin_tui``."""

import sys

from misfin_tui.cli import main

if __name__ == "__main__":
    sys.exit(main())
