"""``python -m triceras``."""

import sys

from triceras.cli import main

if __name__ == "__main__":
    sys.exit(main())
