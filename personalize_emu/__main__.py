"""`python -m personalize_emu` runs the command `personalize-emu`."""

import sys

from personalize_emu.cli import main

sys.exit(main())
