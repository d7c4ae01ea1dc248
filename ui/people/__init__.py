"""People: accounts with roles, the sessions of their browsers, the keys of their programs, and who may do what.

`gate` decides, `door` asks it before every request; `accounts` is what both and the routes work with. Off unless the
setting `accounts` is on: whoever sits at the machine is the owner then.
"""
