"""The common recipe to compare with: a Hugging Face token classifier on padded batches.

Of the model's shape with random weights. Batches take the solutions in the order given and are
padded to their longest. One process of PyTorch; jax is not imported.
"""

import os
import time
from collections.abc import Sequence
from typing import Any

import numpy as np

from prm_jax.models.config import DecoderConfig
from prm_jax.text.encode import Encoded

BATCH = 8
IGNORED = -100  # a label that PyTorch's cross-entropy leaves out
LEARNING_RATE = 1e-5


class PaddedRecipe:
    """Scores or trains.

    Args:
        config: the architecture, of a Llama.
        dtype: 'float32' or 'bfloat16'.
        encoded: solutions as token ids, cut already where our way cuts them.
    """

    def __init__(self, config: DecoderConfig, dtype: str, encoded: Sequence[Encoded]):
        import torch
        import transformers

        if hasattr(os, "sched_getaffinity"):
            torch.set_num_threads(len(os.sched_getaffinity(0)))
        torch.manual_seed(0)
        self.torch = torch
        self.device = "cuda" if torch.cuda.is_available() else "cpu"
        shape = transformers.LlamaConfig(
            vocab_size=config.vocab_size,
            hidden_size=config.d_model,
            intermediate_size=config.d_ff,
            num_hidden_layers=config.n_layers,
            num_attention_heads=config.n_heads,
            num_key_value_heads=config.n_kv_heads,
            head_dim=config.head_dim,
            max_position_embeddings=config.max_position,
            pad_token_id=0,
            use_cache=False,
        )
        shape.num_labels = 2
        model: Any = transformers.LlamaForTokenClassification(shape)
        self.model = model.to(self.device, getattr(torch, dtype))
        self.batches = [
            self._padded(encoded[first : first + BATCH]) for first in range(0, len(encoded), BATCH)
        ]
        self.optimizer: Any = None  # its moments take memory, which scoring needs not

    def padded_tokens(self) -> int:
        """Tokens of all batches, padding included."""
        return sum(batch["input_ids"].numel() for batch in self.batches)

    def warm_up(self, method: str) -> None:
        """Runs 'score' or 'train' on the first batch: there is nothing to compile."""
        batches, self.batches = self.batches, self.batches[:1]
        getattr(self, method)()
        self.batches = batches

    def score(self) -> float:
        """Seconds of scoring every step."""
        begun = time.monotonic()
        self.model.eval()
        with self.torch.inference_mode():
            for batch in self.batches:
                given = {name: batch[name] for name in ("input_ids", "attention_mask")}
                logits_BTC = self.model(**given).logits
                at_steps = logits_BTC[batch["labels"] != IGNORED].float()
                at_steps.softmax(-1)[:, 1].cpu()
        return time.monotonic() - begun

    def train(self) -> float:
        """Seconds of an update a batch."""
        if self.optimizer is None:
            self.optimizer = self.torch.optim.AdamW(self.model.parameters(), lr=LEARNING_RATE)
        begun = time.monotonic()
        self.model.train()
        for batch in self.batches:
            loss = self.model(**batch).loss
            loss.backward()
            self.optimizer.step()
            self.optimizer.zero_grad()
            loss.item()
        return time.monotonic() - begun

    def _padded(self, encoded):
        length = max(len(item.tokens) for item in encoded)
        tokens_BT = np.zeros((len(encoded), length), np.int64)
        mask_BT, labels_BT = np.zeros_like(tokens_BT), np.full_like(tokens_BT, IGNORED)
        for row, item in enumerate(encoded):
            tokens_BT[row, : len(item.tokens)] = item.tokens
            mask_BT[row, : len(item.tokens)] = 1
            labels_BT[row, item.step_positions] = item.labels
        arrays = {"input_ids": tokens_BT, "attention_mask": mask_BT, "labels": labels_BT}
        return {
            name: self.torch.from_numpy(array).to(self.device) for name, array in arrays.items()
        }
