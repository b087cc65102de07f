"""Maps records ahead of their turn, in other processes, and takes the results in their order.

What a record becomes depends on what is known of the past, and that is known for sure only when its
turn comes. So a worker maps it on what it knows, and writes down what it assumed. When the record's
turn comes, the assumptions are held against the ledger: where they are true, the result is what the
mapping would yield now, for a mapping is pure; where they are not, the record is mapped anew.
"""
