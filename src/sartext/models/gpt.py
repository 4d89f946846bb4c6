"""GPT: questions about images, answered by a BLIP-2 whose text model continues a prompt."""

from collections.abc import Sequence
from typing import Any, ClassVar

import torch

from sartext.models.interface import Images, Kind, Preprocess, tiles
from sartext.models.prompts import Prompter
from sartext.models.tokenizer import Tokenizer


class Gpt:
    """A BLIP-2 of transformers with a decoder-only text model."""

    kind: ClassVar[Kind] = "gpt"

    def __init__(self, module: Any, tokenizer: Tokenizer, preprocess: Preprocess, device: str) -> None:
        self.module = module.to(device).eval()
        self.tokenizer = tokenizer
        self.preprocess = preprocess
        self.device = device
        self.queries = int(module.config.num_query_tokens)
        self.context_length = int(module.config.text_config.max_position_embeddings) - self.queries

    @property
    def image_size(self) -> int:
        """Side of the images it takes, pixels."""
        return self.preprocess.size

    @torch.inference_mode()
    def answer(self, images: Images, questions: Sequence[str], max_tokens: int, batch_size: int) -> list[str]:
        """Answer one question about each image, greedily.

        The images' queries and the prompts pass once, a batch at a time; then only each new token does:
        transformers keeps keys and values whenever a prompt comes as embeddings.

        Args:
            images: uint8 (N, S, S, C), S `image_size`, C 1 or 3.
            questions: N texts.
            max_tokens: most tokens of an answer, at most half the model's context.
            batch_size: at least 1; answers do not depend on it.

        Returns:
            N answers, stripped and lower-case; empty where the model ends at once.

        Raises:
            ValueError: not as many questions as images, or images of another size or type.
        """
        if len(images) != len(questions):
            raise ValueError(f"{len(images)} images but {len(questions)} questions; expected one each")
        new = min(max_tokens, self.context_length // 2)
        prompter = Prompter(self.tokenizer, self.queries, self.context_length)
        answers: list[str] = []
        for index, real in tiles(len(images), batch_size):
            ids, mask = prompter.prompts([questions[i] for i in index], self.context_length - new)
            out = self.module.generate(
                pixel_values=self.preprocess(images[index], self.device),
                input_ids=torch.from_numpy(ids).to(self.device),
                attention_mask=torch.from_numpy(mask).to(self.device),
                max_new_tokens=new,
                do_sample=False,
                num_beams=1,
                bos_token_id=self.tokenizer.start,
                eos_token_id=self.tokenizer.end,
                pad_token_id=self.tokenizer.pad,
            )
            told = out[:real, ids.shape[1] :].tolist()
            answers += [self.tokenizer.decode(row).lower() for row in told]
        return answers
