"""Write a GGUF file as a checkpoint in bf16 that vLLM loads. Run by path, in vLLM's environment.

Arguments: the GGUF file, the empty folder of the checkpoint, and a template of conversations; an empty one keeps the file's.
"""

import sys
from pathlib import Path

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

if __name__ == "__main__":
    source, target, template = Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3]
    tokenizer = AutoTokenizer.from_pretrained(source.parent, gguf_file=source.name)
    if template:
        tokenizer.chat_template = template
    model = AutoModelForCausalLM.from_pretrained(source.parent, gguf_file=source.name, dtype=torch.bfloat16)
    # The weights are unpacked by now, but transformers still takes them for quantized ones, which it does not save.
    model.hf_quantizer = None
    model.config.__dict__.pop("quantization_config", None)
    model.save_pretrained(target)
    tokenizer.save_pretrained(target)
