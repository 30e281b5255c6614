"""Hidden states to outputs: pooling, the language-model head, the sequence head."""
