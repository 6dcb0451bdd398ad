"""A model of capacity: what a row costs, what a load needs, and a simulation of many hosts, nodes and accounts.

    python -m benchmarks.capacity size --rows-a-day 100e6
    python -m benchmarks.capacity simulate --rows-a-day 1e9 --projects 200 --hosts 4 --nodes 3
    python -m benchmarks.capacity check      # predictions beside a run of 2, 4 and 8 worker processes here
    python -m benchmarks.capacity measure    # measure the costs on this machine and write costs.json
    python -m benchmarks.capacity page       # write what the pages quote of costs.json and of the simulation

`costs.json` is the only place with measured costs.
"""
