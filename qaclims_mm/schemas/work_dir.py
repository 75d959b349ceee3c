"""Names of the files and folders of a work dir, which the workflow fills and reports read."""

# manifests of the stages that are done, their logs, and how they ran
DONE, LOGS, RUNS = 'done', 'logs', 'runs.json'
# IoU at every threshold, in a stage's folder
CURVE = 'curve.json'
# counts of pixels from which the curve is made, in a stage's folder
JOURNAL = 'journal'
CORPUS = 'qape/corpus'
