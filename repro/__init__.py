"""repro versions data, code and environment together, so that a run can be rebuilt bit for bit elsewhere."""

__version__ = "0.1.0"
