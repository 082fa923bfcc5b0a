"""Continued pretraining: mixture, packing, LoRA with new rows, an exactly resumable loop, merge; and the base stage."""
