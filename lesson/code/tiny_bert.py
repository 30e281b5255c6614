"""BERT's architecture at the smallest size that still learns: two layers, 64 features.

Shape suffixes: B sentences, T tokens in each, D features, H heads, K features of one head,
V ids in the vocabulary, N chosen positions. All sentences of the lesson are equally long, so
nothing is padded and no padding mask is needed.
"""

from math import sqrt

import torch
from torch import Tensor, nn
from torch.nn import functional as F

WIDTH, HEADS, LAYERS = 64, 2, 2


class Attention(nn.Module):
    """Every token looks at every token, on both sides: there is no causal mask."""

    def __init__(self) -> None:
        super().__init__()
        self.query_key_value = nn.Linear(WIDTH, 3 * WIDTH)
        self.output = nn.Linear(WIDTH, WIDTH)

    def forward(self, x_BTD: Tensor) -> Tensor:
        B, T, D = x_BTD.shape
        split = self.query_key_value(x_BTD).view(B, T, 3, HEADS, D // HEADS)
        q_BHTK, k_BHTK, v_BHTK = split.permute(2, 0, 3, 1, 4)
        scores_BHTT = q_BHTK @ k_BHTK.transpose(-1, -2) / sqrt(D // HEADS)
        # A decoder would set the scores above the diagonal to minus infinity here. An encoder
        # leaves them, and that one missing line is what "bidirectional" means.
        mixed_BHTK = scores_BHTT.softmax(dim=-1) @ v_BHTK
        output: Tensor = self.output(mixed_BHTK.transpose(1, 2).reshape(B, T, D))
        return output


class Layer(nn.Module):
    """Attention moves information between positions, the MLP works on each position alone."""

    def __init__(self) -> None:
        super().__init__()
        self.attention = Attention()
        self.attention_norm = nn.LayerNorm(WIDTH)
        self.mlp = nn.Sequential(
            nn.Linear(WIDTH, 4 * WIDTH), nn.GELU(), nn.Linear(4 * WIDTH, WIDTH)
        )
        self.mlp_norm = nn.LayerNorm(WIDTH)

    def forward(self, x_BTD: Tensor) -> Tensor:
        # The norm comes after the addition ("post-norm"), as in BERT; newer models put it before.
        x_BTD = self.attention_norm(x_BTD + self.attention(x_BTD))
        output: Tensor = self.mlp_norm(x_BTD + self.mlp(x_BTD))
        return output


class Encoder(nn.Module):
    """Ids in, one vector for each token out; the vector knows the whole sentence."""

    def __init__(self, vocab_size: int, length: int) -> None:
        super().__init__()
        self.token = nn.Embedding(vocab_size, WIDTH)
        # Attention alone cannot tell word order, so each position adds a learnt vector.
        self.position = nn.Embedding(length, WIDTH)
        # BERT draws these with 0.02; with 64 features in place of 768 that starts too slowly.
        nn.init.normal_(self.token.weight, std=0.1)
        nn.init.normal_(self.position.weight, std=0.1)
        self.norm = nn.LayerNorm(WIDTH)
        self.dropout = nn.Dropout(0.1)  # 200 sentences are few, and easily learnt by heart
        self.layers = nn.ModuleList(Layer() for _ in range(LAYERS))

    def forward(self, ids_BT: Tensor) -> Tensor:
        positions_T = torch.arange(ids_BT.shape[1])
        x_BTD = self.dropout(self.norm(self.token(ids_BT) + self.position(positions_T)))
        for layer in self.layers:
            x_BTD = layer(x_BTD)
        return x_BTD


class MaskedLanguageModel(nn.Module):
    """The encoder with the head that turns a token's vector into a score for every word."""

    def __init__(self, vocab_size: int, length: int) -> None:
        super().__init__()
        self.encoder = Encoder(vocab_size, length)
        self.transform = nn.Linear(WIDTH, WIDTH)
        self.norm = nn.LayerNorm(WIDTH)
        self.bias = nn.Parameter(torch.zeros(vocab_size))

    def head(self, hidden_ND: Tensor) -> Tensor:
        """Scores `(..., V)` for hidden states `(..., D)`."""
        ready_ND = self.norm(F.gelu(self.transform(hidden_ND)))
        # The scores reuse the input embedding ("tied weights"): a word's row says both what it
        # means when read and what calls for it when predicted. That halves the largest matrix.
        scores_NV: Tensor = ready_ND @ self.encoder.token.weight.T + self.bias
        return scores_NV

    def forward(self, ids_BT: Tensor) -> Tensor:
        """Scores `(B, T, V)` at every position."""
        return self.head(self.encoder(ids_BT))

    def loss(self, ids_BT: Tensor, labels_BT: Tensor) -> Tensor:
        """Mean cross-entropy, in nats, at the positions whose label is not -100."""
        chosen_BT = labels_BT != -100
        # The head runs only where something is predicted: six of seven positions would be thrown
        # away, and in a real model the head's vocabulary is the most expensive matrix of all.
        scores_NV = self.head(self.encoder(ids_BT)[chosen_BT])
        return F.cross_entropy(scores_NV, labels_BT[chosen_BT])
