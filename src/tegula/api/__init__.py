"""Handles, specifications, contexts and the pipe: spellings of views and programs, with no logic of their own."""
