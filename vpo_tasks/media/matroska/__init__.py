"""Matroska and WebM (RFC 9559), read without FFmpeg."""
