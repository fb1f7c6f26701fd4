"""MP4 and QuickTime (ISO/IEC 14496-12) without FFmpeg: what the index says, and the boxes as a tree."""
