"""What will differ and why: (policy, media) to Plan to the cheapest step. Pure."""
