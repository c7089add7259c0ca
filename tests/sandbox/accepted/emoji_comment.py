# 🐍 ⚠️ snake → food
def act(observation, logits):
    return 0
