"""Maps records ahead of their turn, in another process, and takes the results in their order.

What a record becomes depends on what is known of the past, and that is known for sure only when its
turn comes. But a process that maps every record of a run, one after the other, knows what the
ledger will know, but for what happens meanwhile where it cannot see. That is noticed, and then what
it made is thrown away and made anew: a mapping is pure.
"""
