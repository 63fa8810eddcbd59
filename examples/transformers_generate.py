"""A constraint inside transformers' own `model.generate`: in a context, or as a logits processor; streamers and all."""

import torch
from pydantic import BaseModel
from transformers import LogitsProcessorList, TextDiffusionStreamer

import constrain


class Person(BaseModel):
    name: str
    age: int
    city: str


ours = constrain.load()  # for this example alone: what follows takes any DiffusionGemma and its tokenizer
model, tokenizer = ours.network, ours.tokenizer
vocabulary = constrain.from_transformers(model, tokenizer).vocabulary  # all ids of the model, and how it ends a turn
person = constrain.compile(Person, vocabulary)

prompt = "Ada Lovelace, 36, lives in London."
if tokenizer.chat_template:
    chat = [{"role": "user", "content": prompt}]
    inputs = tokenizer.apply_chat_template(chat, add_generation_prompt=True, return_tensors="pt", return_dict=True)
else:
    inputs = tokenizer(prompt, return_tensors="pt")
read = inputs["input_ids"].shape[1]
torch.manual_seed(0)

# Decoded as `constrain.Model` does it: joint draws, its own stop rule, as many canvases as it takes.
with constrain.constrained(model, person):
    output = model.generate(**inputs, max_new_tokens=80)
print(person.spec.parse(person.text(output.sequences[0, read:].tolist())))

# Another thread or library calls `generate`? A logits processor needs no context; every draft is valid, too.
streamer = TextDiffusionStreamer(tokenizer, skip_prompt=True, skip_special_tokens=True)
processor = constrain.logits_processor(person)
output = model.generate(**inputs, logits_processor=processor, streamer=streamer)

# One constraint per row (None: anything), beside other processors, where a list is asked for.
year = constrain.compile(constrain.Regex("[0-9]{4}"), vocabulary)
batch = {name: value.repeat(3, 1) for name, value in inputs.items()}
processors = LogitsProcessorList([constrain.logits_processor([person, year, None], max_new_tokens=80)])
output = model.generate(**batch, logits_processor=processors, max_new_tokens=80, max_denoising_steps=4)
for constraint, ids in zip([person, year], output.sequences[:2, read:].tolist(), strict=True):
    print(constraint.text(ids))
