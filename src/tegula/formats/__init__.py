"""To be described by the first module that lands here."""
