"""What `make package` and `make deploy` run."""
