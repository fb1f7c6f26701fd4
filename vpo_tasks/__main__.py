"""`python -m vpo_tasks`: the `vpo` command, where it is not on PATH."""

from vpo_tasks.cli.main import main

if __name__ == "__main__":
    main()
