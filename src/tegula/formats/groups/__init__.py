"""What the formats say of groups: documents that hold arrays and groups together, and their attributes."""
