"""Any Singer stream, by the names of its columns. For streams that are no Amplitude export.

    orders: {event: Order Placed, distinct_id: customer_id, timestamp: created_at}
    tracks: {event: {column: event_text}, distinct_id: user_id, anonymous_id: anonymous_id,
             timestamp: timestamp, insert_id: id}
    users:  {person: user_id}
    firms:  {group: company, key: company_id}

Without `properties` every column that is not named travels as a property, as it is. Without a
timestamp column an update of a person or a group carries no time and counts whenever its content
changed; with one, it counts only when it is also newer.

    description   what the user wrote, checked
    times         times as sources write them
    rows          what the records of a stream say
    source        events, for a `Pair`
    updates       people and groups
"""
