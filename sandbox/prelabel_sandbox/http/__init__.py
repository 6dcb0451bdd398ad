"""The sandbox's HTTP side: GraphQL, uploads, files and control."""
