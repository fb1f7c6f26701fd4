"""External tools: the search for them, their command lines, parsing their output, running them."""
