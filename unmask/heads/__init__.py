"""Hidden states to outputs: pooling; heads over the vocabulary, over sequences and over tokens."""
