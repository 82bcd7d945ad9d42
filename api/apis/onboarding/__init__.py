"""Devices register, attest, rotate their keys and say goodbye.

Nouns: app key, device, enrolment, generation, attestation. Invariant: one installation is one device with one key in
force, however often an answer is lost. Threat: taking over an installation, learning a device's secret, or being
trusted for what another phone has proved.
"""
