"""What both functions need; this and functions/ are all that is deployed."""
