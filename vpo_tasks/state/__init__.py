"""What the program knows between runs."""
