"""A Boltzmann machine as data: random numbers, sampling, training, enumeration, likelihood, convergence."""
