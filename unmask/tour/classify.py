"""Classification on the free labels: a bag of words, the encoder frozen, the encoder trained."""

from __future__ import annotations

import json
import time
from pathlib import Path

from unmask.evaluation.bag_of_words import BagOfWords
from unmask.evaluation.classification import Measured, measure
from unmask.pipelines.classify import Classifier
from unmask.report.facts import ClassificationFacts, LabelCount, MethodScore
from unmask.tour.free_labels import FreeLabels, free_labels
from unmask.verbs.finetune import finetune
from unmask.verbs.pretrain import Prepared, PretrainResult
from unmask.verbs.pretrain_settings import PretrainSettings
from unmask.verbs.watch import Watch
