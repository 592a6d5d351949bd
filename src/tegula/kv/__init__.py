"""The key-value algebra, pure: specs, keys and generations."""
