"""The programs are run by `test_packages.py`, and are no modules to look for tests in."""

collect_ignore_glob = ["with_*.py"]
