"""The programs of `strangers/` are run by `test_strangers.py`, and are no modules to look for tests in."""

collect_ignore_glob = ["strangers/*"]
