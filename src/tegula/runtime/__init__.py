"""Interpreters, futures, caches, and the table from store names to live stores."""
