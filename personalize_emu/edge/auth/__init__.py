"""Authentication and authorization of requests (the option `auth`)."""
