"""One batch: opening it, the jobs, the per-video processor, order and budget."""
