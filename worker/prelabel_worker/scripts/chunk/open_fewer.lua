-- Halve the chunks that a project may have open, down to one: Labelbox is away, slow or tired of us.
--
-- KEYS[1]  the project's root
-- returns  how many it may have open
return open_fewer()
