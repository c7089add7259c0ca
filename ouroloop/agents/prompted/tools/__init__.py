"""The tools of the patcher that works in turns, and the two ways to use them.

`desk.py` has the tools, `talk.py` the conversation. `words.py` takes them as words in a reply, which any model can write;
`functions.py` offers them as functions in the agent loop of LangChain, to which `port_model.py` shows the role's chat model.
"""
