"""Pipelines of transformers with small models of random weights give outputs of each task.

Weights cannot be downloaded, so models are made of small configurations, and tokenizers of the words of a text.
"""

import json

import torch
from PIL import Image
from tokenizers import Tokenizer, models, pre_tokenizers, processors
from transformers import (
    BertConfig,
    BertForSequenceClassification,
    BertForTokenClassification,
    DetrConfig,
    DetrForObjectDetection,
    DetrImageProcessor,
    PreTrainedTokenizerFast,
    ResNetConfig,
    ViTConfig,
    ViTForImageClassification,
    ViTImageProcessor,
    pipeline,
)

from prelabel.builders import annotations_from_huggingface
from tests.frameworks.report import ROOT, Output, place, release

TEXT = "The tug Lisbeth moored near the north quay at six ."
PICTURE = ROOT / "examples/assets/harbour.png"
SMALL = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 64}
SHIPS = {0: "vessel", 1: "crane", 2: "quay"}


def tokenizer() -> PreTrainedTokenizerFast:
    """Return a fast tokenizer of the text's words."""
    words = {word: at for at, word in enumerate(["[UNK]", "[CLS]", "[SEP]", "[PAD]", *dict.fromkeys(TEXT.split())])}
    plain = Tokenizer(models.WordLevel(words, unk_token="[UNK]"))
    plain.pre_tokenizer = pre_tokenizers.Whitespace()
    plain.post_processor = processors.BertProcessing(("[SEP]", 2), ("[CLS]", 1))
    return PreTrainedTokenizerFast(tokenizer_object=plain, unk_token="[UNK]", pad_token="[PAD]")


def texts():
    """Yield name, format and output of each pipeline of texts, and how many predictions it has."""
    labels = {0: "O", 1: "B-ship", 2: "I-ship", 3: "B-port", 4: "I-port"}
    config = BertConfig(vocab_size=64, id2label=labels, label2id={name: at for at, name in labels.items()}, **SMALL)
    model = BertForTokenClassification(config).eval()
    for strategy in ("none", "simple", "average"):
        run = pipeline("token-classification", model=model, tokenizer=tokenizer(), aggregation_strategy=strategy)
        found = run(TEXT)
        yield f"tokens, {strategy}", "huggingface-tokens", found
    config = BertConfig(vocab_size=64, id2label={0: "arrival", 1: "departure"}, **SMALL)
    run = pipeline("text-classification", model=BertForSequenceClassification(config).eval(), tokenizer=tokenizer())
    yield "class of a text", "huggingface-labels", run(TEXT, top_k=None)
    yield "best class of a text", "huggingface-labels", run(TEXT)


def detr(kind, **more):
    """Return a small DETR with random weights."""
    backbone = ResNetConfig(
        embedding_size=8, hidden_sizes=[8, 16, 32, 64], depths=[1, 1, 1, 1], out_features=["stage4"]
    )
    config = DetrConfig(
        backbone_config=backbone, use_timm_backbone=False, use_pretrained_backbone=False, backbone=None,
        d_model=32, encoder_layers=1, decoder_layers=1, encoder_attention_heads=2, decoder_attention_heads=2,
        encoder_ffn_dim=32, decoder_ffn_dim=32, num_queries=5, id2label=SHIPS, **more,
    )  # fmt: skip
    return kind(config).eval()


if __name__ == "__main__":
    here = place()
    torch.manual_seed(3)
    outputs = []
    for at, (name, form, found) in enumerate(texts()):
        file = f"text-{at}.json"
        plain = json.loads(json.dumps(found, default=float))  # scores are NumPy's numbers
        (here.folder / file).write_text(json.dumps(plain))
        outputs.append(Output(name, len(plain), 1, form, file, "TEXT"))
    picture = Image.open(PICTURE).convert("RGB").resize((320, 200))
    processor = DetrImageProcessor(size={"shortest_edge": 100, "longest_edge": 160})
    run = pipeline("object-detection", model=detr(DetrForObjectDetection), image_processor=processor)
    boxes = run(picture, threshold=0.0)
    (here.folder / "boxes.json").write_text(json.dumps(boxes))
    outputs.append(Output("object-detection", len(boxes), 1, "huggingface-vision", "boxes.json"))
    config = ViTConfig(image_size=32, patch_size=8, id2label=SHIPS, **SMALL)
    small = ViTImageProcessor(size={"height": 32, "width": 32})
    run = pipeline("image-classification", model=ViTForImageClassification(config).eval(), image_processor=small)
    classes = run(picture)
    (here.folder / "classes.json").write_text(json.dumps(classes))
    outputs.append(Output("image-classification", len(classes), 1, "huggingface-labels", "classes.json"))
    for name, found in (("boxes", boxes), ("classes", classes)):
        made = [each.model_dump(by_alias=True, exclude_none=True) for each in annotations_from_huggingface(found)]
        message = {"projectId": "p", "dataRow": {"globalKey": "harbour"}, "annotations": made}
        (here.folder / f"{name}.ndjson").write_text(json.dumps(message) + "\n")
        outputs.append(Output(f"{name} in Python", len(found), 1, "messages", f"{name}.ndjson"))
    here.report(release("transformers"), *outputs)
