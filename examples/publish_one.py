from prelabel import BoundingBox, GlobalKey, Model, PredictionMessage, Publisher

with Publisher() as publisher:  # finds PRELABEL_REDIS_URL, or the stack that `prelabel up` runs
    publisher.publish(
        PredictionMessage(
            project_id="demo-project",
            data_row=GlobalKey("cam-1/000184.jpg"),
            model=Model("yolo", "11s"),
            annotations=[BoundingBox("vessel", left=10, top=20, width=30, height=40)],
        )
    )
