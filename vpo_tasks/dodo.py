"""What a dodo.py imports: `from vpo_tasks.dodo import DOIT_CONFIG, task_process`.

doit reads both names from the module, so they are made when it is imported, for the folder doit is in.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

from vpo_tasks.doit_plugin.session import open_library

_library = open_library(os.getcwd())

DOIT_CONFIG = _library.doit_config()


def task_process() -> Iterator[dict[str, Any]]:
    """Bring every video in line with the policy."""
    yield from _library.tasks()
