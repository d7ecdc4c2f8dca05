"""What tests share: a bucket in memory, upstreams on the wire, callers, bundles."""
