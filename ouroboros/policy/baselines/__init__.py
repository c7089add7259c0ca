"""PPO and DQN of Stable-Baselines3, as policies like any other."""
