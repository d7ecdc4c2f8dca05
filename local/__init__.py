"""The cloud on one machine: runs the functions as SCF does, and emulates the services that they use."""
