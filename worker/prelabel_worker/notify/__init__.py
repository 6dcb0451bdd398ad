"""Tell people by a webhook what is wrong, once each, and when it is over; rows never wait for it.

`observation` reads from Redis what is wrong now, `watch` decides what is new and what is over, `message` writes it for
people, `webhook` sends it, `store` keeps what was told, and `duty` is the thread that does all this under a lease.
"""
