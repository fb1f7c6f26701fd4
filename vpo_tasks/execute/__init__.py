"""How a step is carried out: tools, safe replacement, verification."""
