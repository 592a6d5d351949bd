"""Planning: a view and a request become columns.  Pure, fast, and nothing is read."""
