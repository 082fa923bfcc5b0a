"""A stranger's fine-tuning script: TRL on a release, with nothing of Hanhua and no resize. Arguments: release, out."""

import sys

from datasets import Dataset
from transformers import AutoModelForCausalLM, AutoTokenizer
from trl import SFTConfig, SFTTrainer

release, out = sys.argv[1:]
tokenizer = AutoTokenizer.from_pretrained(release)
tokenizer.pad_token = "<|reserved_special_token_0|>"
model = AutoModelForCausalLM.from_pretrained(release)
rows = model.get_input_embeddings().weight.shape[0]
texts = Dataset.from_dict({"text": ["杭州西湖在春天最美。", "今天天气很好，我们去公园。"] * 8})
settings = SFTConfig(
    out, max_steps=3, per_device_train_batch_size=2, learning_rate=1e-3, use_cpu=True, report_to=[], save_strategy="no",
    logging_steps=1, max_length=64, bf16=False,
)  # fmt: skip
trainer = SFTTrainer(model, args=settings, train_dataset=texts, processing_class=tokenizer)
trainer.train()
trainer.save_model(out)
assert AutoModelForCausalLM.from_pretrained(out).get_input_embeddings().weight.shape[0] == rows == len(tokenizer)
assert AutoTokenizer.from_pretrained(out)("杭州西湖").input_ids == tokenizer("杭州西湖").input_ids
