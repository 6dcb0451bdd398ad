-- Read a project's cached ontology.
--
-- KEYS[1]  the project's root
-- returns  what `cached_ontology` in ontology_lib.lua returns
return cached_ontology()
