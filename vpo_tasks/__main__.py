"""`python -m vpo_tasks`: the `vpo` command, where it is not on PATH."""

import sys

from vpo_tasks.cli.main import main

sys.exit(main())
