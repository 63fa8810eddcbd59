"""The tokenizer of the bundled model, and the chat text that it reads."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable

from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import PreTrainedTokenizerFast

__all__ = [
    "BOS",
    "END_OF_TURN",
    "EOS",
    "PAD",
    "SPECIALS",
    "VOCAB_SIZE",
    "between_values",
    "build_tokenizer",
    "frequent_words",
    "render",
]

VOCAB_SIZE = 1280
SPECIALS = ("<pad>", "<eos>", "<bos>", "<|turn>", "<turn|>")
PAD, EOS, BOS, _, END_OF_TURN = range(len(SPECIALS))
CHAT_TEMPLATE = (
    "{{ bos_token }}"
    "{% for message in messages %}"
    "<|turn>{{ 'model' if message['role'] == 'assistant' else message['role'] }}\n"
    "{{ message['content'] | trim }}<turn|>\n"
    "{% endfor %}"
    "{% if add_generation_prompt %}<|turn>model\n{% endif %}"
)
_OFTEN = 60  # words of patterns stand in so many of 16,000 examples, invented ones do not
_BETWEEN = re.compile(r'"?[\]}]*(?:, )?[\[{]*(?:"[a-z_]+": [\[{]*)+"?')
_WORDS = r"\p{L}+|\p{N}|[.](?=[\p{N}.\n])|\n|[^\p{L}\p{N}\n]+"
"""Runs of letters, single digits, the dots and line ends of a grid one by one, and runs of anything else."""


def render(prompt: str) -> str:
    """The chat text that the model reads for `prompt`, equal to what the chat template makes of it."""
    return f"<bos><|turn>user\n{prompt}<turn|>\n<|turn>model\n"


def between_values(answers: Iterable[str]) -> list[str]:
    """What stands in front of the values of JSON objects: quotes, brackets, commas and the members' names."""
    return sorted({found for answer in answers for found in _BETWEEN.findall(answer)})


def frequent_words(texts: Iterable[str]) -> list[str]:
    """The words that stand in many of the texts, which are those that patterns are made of, not invented ones."""
    counts = Counter(word for text in texts for word in re.findall(r"[A-Za-z]+", text))
    return sorted(word for word, count in counts.items() if count >= _OFTEN)


def build_tokenizer(
    texts: Iterable[str], *, whole: Iterable[str] = (), joined: Iterable[str] = ()
) -> PreTrainedTokenizerFast:
    """Byte-level BPE over words, digits and the runs between them; the words in `whole` become single tokens,
    and so does any text in `joined`, wherever it stands.

    Spaces never join a word: a name is cut into the same pieces in the sentence and in the JSON string, which is
    what makes copying learnable by a model this small.
    """
    added = [AddedToken(text, normalized=False) for text in joined]
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(_WORDS), "isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=VOCAB_SIZE - len(added),
        special_tokens=list(SPECIALS),
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    often = [word for word in (*whole, "user", "model", "system") for _ in range(10_000)]
    tokenizer.train_from_iterator([*texts, *often], trainer)
    tokenizer.add_tokens(added)
    return PreTrainedTokenizerFast(  # type: ignore[no-untyped-call]  # transformers leaves it untyped
        tokenizer_object=tokenizer,
        pad_token="<pad>",
        eos_token="<eos>",
        bos_token="<bos>",
        additional_special_tokens=["<|turn>", "<turn|>"],
        padding_side="left",
        chat_template=CHAT_TEMPLATE,
        clean_up_tokenization_spaces=False,
    )
