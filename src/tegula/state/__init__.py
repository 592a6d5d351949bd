"""Pure state machines, for transactions and their like: empty so far."""
