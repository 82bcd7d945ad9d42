"""Mechanisms that know neither a URL nor a DRF class; each vendor's library has its one door here."""
