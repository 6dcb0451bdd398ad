"""Commands for the steps before predictions are published: dataset, ontology, batch."""
