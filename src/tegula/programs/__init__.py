"""Programs: control flow over effects.  They decide what is wanted and in which order; they do nothing."""
