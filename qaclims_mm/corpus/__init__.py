"""From images to texts: questions, answers, the stored corpus and the text bank."""

