"""The address that dodo.py files of version 0.1 import from."""
