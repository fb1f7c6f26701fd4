"""Access to users' folders. Here: the beginnings of our own names, for modules that only read."""

PRIVATE_PREFIX = b".vpo-"
"""What our own files begin with: the cheapest test that lets nothing of ours pass."""

UNDO_FOLDER = b".vpo-undo"
