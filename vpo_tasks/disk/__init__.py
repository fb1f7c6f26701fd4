"""Every byte that reaches a user's folder. Here: how our own names in it begin, for those who only look."""

PRIVATE_PREFIX = b".vpo-"
"""What our own files begin with: the cheapest test that lets nothing of ours pass."""

UNDO_FOLDER = b".vpo-undo"
