"""What is in a video: value types, the probe and its helper process."""
