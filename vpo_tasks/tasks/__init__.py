"""Composition: videos as doit tasks, the runner, the per-video job."""
