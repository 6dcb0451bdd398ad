"""Commands for the steps before predictions come: dataset, ontology, batch."""
