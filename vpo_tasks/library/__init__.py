"""Which videos there are, and which of them are up to date."""
