"""How fast, and in how much memory: suites that each measure one kind of work on this machine."""
