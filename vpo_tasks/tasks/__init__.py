"""The address that dodo.py files written by an earlier `vpo init` import from."""
