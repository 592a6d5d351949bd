"""Requests and responses as pure functions: what goes over the wire, without any wire."""
