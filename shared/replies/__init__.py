"""What a caller gets: the documents' envelope, in the form that each trigger expects."""
