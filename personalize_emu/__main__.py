"""`python -m personalize_emu` is `personalize-emu`."""

import sys

from personalize_emu.cli import main

sys.exit(main())
