"""The cloud on one machine: it runs the functions as SCF does and stands in for the services they talk to."""
