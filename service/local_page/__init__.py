"""Pages that a face serves to its own machine."""
