"""What the store of a user will be tested with: empty so far."""
