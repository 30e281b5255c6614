"""What the literature says about these models, as experiments that anyone can run."""
