"""The local AWS endpoint: moto for the models, guests for the instances, and a stack engine."""
