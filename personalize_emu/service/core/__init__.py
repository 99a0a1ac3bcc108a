"""What every operation uses: the context of a request, quotas, tags, reads of other AWS services."""
