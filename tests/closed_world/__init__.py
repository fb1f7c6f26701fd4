"""Odd but valid files through every kind of step: what was in them is there afterwards, or its loss was said.

The files are made by mkvmerge and ffmpeg and read back by mkvmerge, mkvextract and a walk over boxes written
here: nothing of the program's own view of a file decides what counts as there.
"""
