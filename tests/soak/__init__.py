"""Publishers, tenants, two appliers and faults, as long as one likes (`python -m tests.soak`)."""
