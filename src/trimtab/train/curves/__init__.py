"""A run's log to look at: panels, a page, a picture, and writers for other tools."""
