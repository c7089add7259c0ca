def act(observation, logits):
    s = "abc" * 3
    t = (1, 2, 3)
    n = 0
    for k, v in enumerate([s[:] is s, s.strip() is s, s.replace("x", "y") is s, "".join([s]) is s, t[:] is t, tuple(t) is t,
                           s.lower() is s, s.ljust(2) is s, s[0] is s[3], s[0:2] is s[3:5], t * 1 is t, t + () is t, () + t is t,
                           s + "" is s, s * 1 is s, str(s) is s, f"{s}" is s, round(7000) is round(7000), abs(s.find("q")) is 1,
                           s.split("z")[0] is s, s.partition("z")[0] is s, s.lstrip() is s, s.zfill(1) is s, chr(300) is chr(300), chr(233) is chr(233)]):
        n = (n * 2 + v) % 1000003
    return n // 3 % 4
