"""A variational autoencoder: a whole picture as 128 numbers, learned from pictures alone (Kingma and Welling 2014).

- `config`: `VaeConfig`. No torch.
- `network`: the convolutions.
- `training`: `train_vae(task, config, seed, out, progress) -> VaeReport`.
- `encoding`: `load_encoder(folder) -> VaeEncoder`, and the files of a trained one.
"""
