"""How well an autoscaler follows demand: the demand of a profile, the simulated run, and the scores of any run."""
