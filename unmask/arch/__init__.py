"""Published architectures as declarations over the shared blocks, one file each."""
