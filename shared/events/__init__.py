"""What a trigger sends: recognise it, authorise it, read the query."""
