"""Handles, specifications, contexts and the pipe: spellings of views and programs, without logic."""
