"""Pictures and reports: figures in, one self-contained page out; no plotting library, no script.

`facts` says what a quickstart found out, `quickstart` makes the page of it, `charts` draws, `page`
and `pieces` build any report, `console` prints the same in a terminal, `card` writes model cards.
"""
