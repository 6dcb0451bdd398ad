"""What a person sets up in Labelbox before predictions come: data rows, ontologies, projects, batches."""
