"""The benchmarks of `make bench`: the functions beside bare `requests`, an empty function and a peer with the SDK."""
