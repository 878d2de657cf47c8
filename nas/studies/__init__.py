"""Studies: many measurements of a plan, appended as they come, and what they say together."""
