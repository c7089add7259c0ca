from collections import Counter


def act(observation, logits):
    c = Counter("abcabcdd") + Counter("zzab") - Counter("a")
    c |= Counter("qq")
    c &= Counter("qqabcz")
    return ord(c.most_common(2)[1][0]) % 4
