"""The stores that touch the world, one class each, and nothing of policy."""
