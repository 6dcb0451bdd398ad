"""Queries that several tests ask."""

DELETE = "mutation D($id: ID!) { deleteModelAssistedLabelingPredictionImport(where: {id: $id}) { id } }"
