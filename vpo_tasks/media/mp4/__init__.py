"""MP4 and QuickTime (ISO/IEC 14496-12), read without FFmpeg."""
