"""What the gate does to releases whose truth is known: equal ones, worse ones, overtrained ones, slow decline."""
