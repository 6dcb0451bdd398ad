"""What is printed about rows that were added beside earlier pre-labels, since Labelbox cannot override these."""

from prelabel.printing import command


def advice(project_id: str) -> str:
    """Return why rows were added again, and the command after which none is."""
    skip = command("project set", project_id, policy="skip")
    return f"audio answers with time ranges cannot override earlier ones; {skip} skips rows that were imported before"
