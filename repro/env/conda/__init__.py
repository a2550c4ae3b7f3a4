"""Environments of kind conda: solved, locked and installed by py-rattler; pip packages inside by `repro.env.pip`."""
