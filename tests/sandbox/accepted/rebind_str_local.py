def act(observation, logits):
    max = logits[0]
    sum = 0
    for next in range(4):
        if logits[next] > max:
            max = logits[next]
            sum = next
    return sum
