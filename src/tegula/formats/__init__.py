"""Metadata documents: what one says of an array, and which one a request makes.  One file a format.  Pure."""
