"""Header edits: the few bytes of a video that differ are written into it, journaled."""
