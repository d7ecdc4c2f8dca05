"""API 3.0 as a deployer calls it: the actions of SCF, CAM and STS on the local account."""
