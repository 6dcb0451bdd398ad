"""Queries that several tests send."""

DELETE = "mutation D($id: ID!) { deleteModelAssistedLabelingPredictionImport(where: {id: $id}) { id } }"
