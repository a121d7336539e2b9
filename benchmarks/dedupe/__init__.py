"""A million short documents deduplicated, beside rensa, datasketch and datatrove: `make bench NAME=dedupe`."""
