"""What `make bench` runs: how the functions compare with what they are made of and with what else could be written."""
