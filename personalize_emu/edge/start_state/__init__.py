"""Start state: files that create resources when a server or a mock starts (option `init`).

files       which files there are, and running them: declarative ones here, scripts as programs
documents   reading and checking declarative files
resources   creating what they declare, with boto3
"""
