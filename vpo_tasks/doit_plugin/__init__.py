"""The doors into doit: loader, reporter, backend, a video's task."""
