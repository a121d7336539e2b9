"""What answers say beyond their evidence: spans, their price, and pairs that differ in support alone."""
