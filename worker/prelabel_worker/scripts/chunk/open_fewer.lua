-- Halve the number of chunks that a project may have open, down to one, since Labelbox does not answer, is slow or
-- throttles us.
--
-- KEYS[1]  the project's root
-- returns  number of chunks that the project may have open
return open_fewer()
