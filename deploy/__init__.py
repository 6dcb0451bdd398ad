"""The files to deploy prelabel, and checks of them without a container engine. Not part of the distribution."""
