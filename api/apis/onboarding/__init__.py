"""Devices register, rotate their keys and say goodbye.

Nouns: app key, device, enrolment, generation. Invariant: one installation is one device with one key in force, however
often an answer is lost. Threat: taking over an installation, or learning a device's secret.
"""
