"""Pure numerical functions on arrays: nothing here knows of services, files or tables."""
