def best(*moves):
    return moves[0]


def act(observation, logits):
    return best(1, 2)
